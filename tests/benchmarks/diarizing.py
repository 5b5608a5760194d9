"""`python -m tests.benchmarks.diarizing {ours|pyannote} WAV CONFIG`: one diarization in a process of its own.

Prints JSON: seconds and processor seconds of the diarization alone, the process's peak memory in MB, turns.
"""

import json
import os
import resource
import sys
import time
import wave
from pathlib import Path
from typing import Any

import numpy as np

from stt_ai.types import SAMPLE_RATE, Pcm, Samples

CHUNK = 300 * SAMPLE_RATE

Turns = list[tuple[float, float, str]]


def ours(path: Path, config: Path) -> tuple[float, float, Turns, Turns]:
    """Samples are read from the disk in chunks, as the service reads them from the object store."""
    from stt_ai.engines.diarization import DiarizationEngine
    from stt_ai.engines.pcm import PcmReader

    engine = DiarizationEngine(config)
    with wave.open(str(path)) as file:
        length, header = file.getnframes(), path.stat().st_size - 2 * file.getnframes()

    def fetch(start: int) -> Samples:
        return np.fromfile(path, np.int16, min(CHUNK, length - start), offset=header + 2 * start)

    samples = PcmReader(Pcm(tuple(range(0, length, CHUNK)), CHUNK, length), fetch)
    began, worked = time.perf_counter(), time.process_time()
    found = engine._pipeline.apply({"uri": "talk", "samples": samples}, max_speakers=50)
    return time.perf_counter() - began, time.process_time() - worked, *_turns(found)


def pyannote(path: Path, config: Path) -> tuple[float, float, Turns, Turns]:
    """Its own pipeline with the batch sizes and threads of ours, on a waveform in memory."""
    os.environ["PYANNOTE_METRICS_ENABLED"] = "0"
    import torch
    from pyannote.audio import Pipeline

    from stt_ai.engines.diarization import CHUNKS_A_BATCH
    from stt_ai.engines.malloc import keep_freed_memory

    keep_freed_memory()
    torch.set_num_threads(os.cpu_count() or 1)
    pipeline: Any = Pipeline.from_pretrained(config)
    pipeline.segmentation_batch_size = pipeline.embedding_batch_size = CHUNKS_A_BATCH["cpu"]
    with wave.open(str(path)) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), np.int16)
    waveform = torch.from_numpy(samples.astype(np.float32) / 32768)[None]
    del samples
    began, worked = time.perf_counter(), time.process_time()
    found = pipeline({"waveform": waveform, "sample_rate": SAMPLE_RATE, "uri": "talk"})
    return time.perf_counter() - began, time.process_time() - worked, *_turns(found)


def _turns(found: Any) -> tuple[Turns, Turns]:
    both = found.speaker_diarization, found.exclusive_speaker_diarization
    spoken, exclusive = (
        [(turn.start, turn.end, str(label)) for turn, _, label in annotation.itertracks(yield_label=True)]
        for annotation in both
    )
    return spoken, exclusive


def main() -> None:
    who, path, config = sys.argv[1:]
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # pyannote prints
    seconds, worked, turns, exclusive = {"ours": ours, "pyannote": pyannote}[who](Path(path), Path(config))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    json.dump({"seconds": seconds, "cpu": worked, "peak_mb": peak, "turns": turns, "exclusive": exclusive}, out)


if __name__ == "__main__":
    main()
