"""Who speaks when in real voices, beside pyannote's own pipeline over the same two models with its own parameters."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from stt_ai.engines.diarization import DiarizationEngine
from stt_ai.engines.pcm import PcmReader
from stt_ai.types import SAMPLE_RATE, Pcm
from tests.benchmarks import speaker_turns
from tests.benchmarks.bench import Bench
from tests.benchmarks.report import Result
from tests.benchmarks.speaker_turns import Conversation
from tests.benchmarks.talk import Turn
from tests.support.packaged_models import packaged_speakers

PHONE_CALL = 10.0
OTHERS = 27.0

PARAMETERS_2022 = {
    "segmentation": {"threshold": 0.4442333667381752, "min_duration_off": 0.5817029604921046},
    "clustering": {"method": "centroid", "min_cluster_size": 15, "threshold": 0.7153814381597874},
}
"""Those of pyannote/speaker-diarization 2.1, which was made of this segmentation model."""

Diarize = Callable[[Conversation], list[Turn]]


def run(bench: Bench, result: Result) -> None:
    """`python -m tests.benchmarks speakers`; also a part of `accuracy`."""
    bench.stop_service()
    folder = packaged_speakers()
    if folder is None:
        result.notes.append(
            "SKIPPED: the packaged models are not in the cache and the package index does not have them."
        )
        return
    sets: dict[str, Sequence[Conversation]] = {"phone call": [speaker_turns.sample_of_pyannote()]}
    if bench.speech is None:
        result.notes.append("Of the phone call alone: --speech names no folder of recordings.")
    else:
        sets |= {
            "meetings": speaker_turns.recorded(bench.speech),
            "joined, held-out voices": speaker_turns.joined(bench.speech),
            "single voices": speaker_turns.single(bench.speech),
        }
    for who, diarize in (("ours", _ours(folder)), ("pyannote", _pyannote(folder))):
        for name, conversations in sets.items():
            bench.say(f"{name} by {who}")
            _report(result, name, who, [(one, diarize(one)) for one in conversations])
    result.notes.append(
        "Error rates are over all speech of a set: no collar, and overlaps count. No parameter was chosen by these "
        "meetings and held-out voices; the phone call, pyannote's own sample, was looked at. Of the single voices some "
        "are those that parameters were chosen by."
    )


def _report(result: Result, name: str, who: str, found: Sequence[tuple[Conversation, list[Turn]]]) -> None:
    from pyannote.metrics.diarization import DiarizationErrorRate

    metric = DiarizationErrorRate(collar=0.0, skip_overlap=False)
    for conversation, turns in found:
        metric(_annotation(conversation.turns), _annotation(turns), uem=_whole(conversation))
    limit = {"phone call": PHONE_CALL, "single voices": None}.get(name, OTHERS) if who == "ours" else None
    result.find(f"{name}, {who}, diarization error rate", 100 * abs(metric), "%", at_most=limit)
    right = sum(len({turn.speaker for turn in turns}) == conversation.voices for conversation, turns in found)
    result.find(f"{name}, {who}, number of speakers right, of {len(found)}", right)


def _ours(folder: Path) -> Diarize:
    engine = DiarizationEngine(folder / "config.yaml")

    def diarize(conversation: Conversation) -> list[Turn]:
        samples = conversation.samples
        pcm = Pcm((samples,), len(samples), len(samples))
        return _turns(engine._pipeline.apply({"uri": conversation.name, "samples": PcmReader(pcm)}, max_speakers=50))

    return diarize


def _pyannote(folder: Path) -> Diarize:
    """After the engine's, which switches telemetry off."""
    import torch
    from pyannote.audio.core.plda import PLDA
    from pyannote.audio.pipelines import SpeakerDiarization

    from stt_ai.engines.packaged_diarization import load_embedding, load_segmentation

    pipeline = SpeakerDiarization(
        segmentation=load_segmentation(folder / "segmentation"),
        embedding=load_embedding(folder / "embedding"),
        embedding_exclude_overlap=True,
        clustering="AgglomerativeClustering",
        plda=PLDA.__new__(PLDA),
        segmentation_batch_size=8,
        embedding_batch_size=8,
    ).instantiate(PARAMETERS_2022)

    def diarize(conversation: Conversation) -> list[Turn]:
        wave = torch.from_numpy(conversation.samples.astype(np.float32) / 32768)[None]
        return _turns(pipeline({"waveform": wave, "sample_rate": SAMPLE_RATE, "uri": conversation.name}))

    return diarize


def _turns(found: Any) -> list[Turn]:
    spoken = found.speaker_diarization.itertracks(yield_label=True)
    return [Turn(turn.start, turn.end, str(label)) for turn, _, label in spoken]


def _annotation(turns: Sequence[Turn]) -> Any:
    from pyannote.core import Annotation, Segment

    annotation = Annotation()
    for at, turn in enumerate(turns):
        annotation[Segment(turn.start, turn.end), at] = turn.speaker
    return annotation


def _whole(conversation: Conversation) -> Any:
    from pyannote.core import Segment, Timeline

    return Timeline([Segment(0, len(conversation.samples) / SAMPLE_RATE)])
