"""Speaker diarization: a pyannote pipeline in memory, for several files at once."""

import logging
import os
import threading
import uuid
import warnings
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from stt_ai.engines import library_pages
from stt_ai.engines.cores import available
from stt_ai.engines.malloc import keep_freed_memory
from stt_ai.engines.pcm import PcmReader
from stt_ai.errors import ModelUnavailable, Unavailable
from stt_ai.types import MAX_SPEAKERS, SAMPLE_RATE, SpeakerCount, SpeakerTurn

if TYPE_CHECKING:
    from stt_ai.engines.speaker_diarization import LongFileDiarization

logger = logging.getLogger(__name__)

PACKAGED = "stt_ai.engines.packaged_diarization.PackagedDiarization"
"""The pipeline's name in the `config.yaml` of the packaged models. Any other pipeline is pyannote's own."""

CHUNKS_A_BATCH = {"cpu": 8, "cuda": 64}
"""Chunks of five or ten seconds in one batch: more cost memory and bring nothing on a CPU."""


class DiarizationEngine:
    """One loaded pipeline. `diarize` may be called by any number of threads.

    Their batches take turns at the device, so a short file does not wait for a long one to end; clustering is one
    file's at a time, because its memory is what grows.
    """

    def __init__(
        self,
        config: Path,
        parts: Mapping[str, Path] | None = None,
        *,
        device: str = "cpu",
        threads: int = 0,
        batch_size: int = 0,
    ) -> None:
        """``config`` is a pipeline's `config.yaml`; ``parts`` are the folders of other repositories that it names.

        Raise `ModelUnavailable`.
        """
        self._clustering = threading.Lock()
        try:
            self._pipeline: LongFileDiarization = _load(config, dict(parts or {}), device)
        except Exception as error:  # whatever torch, yaml or pyannote find wrong with the files
            logger.exception("cannot load the diarization pipeline %s", config)
            raise ModelUnavailable("The diarization model cannot be loaded.") from error
        if device == "cpu":
            library_pages.release_pages(library_pages.CUDA)
        size = batch_size or CHUNKS_A_BATCH.get(device, 8)
        self._pipeline.segmentation_batch_size = self._pipeline.embedding_batch_size = size
        self._pipeline.max_concurrency = 1 if device != "cpu" else threads or available()
        self._pipeline.workers = ThreadPoolExecutor(self._pipeline.max_concurrency, "diarization")

    def diarize(
        self, samples: PcmReader, speakers: SpeakerCount | None = None, cancelled: threading.Event | None = None
    ) -> tuple[SpeakerTurn, ...]:
        """Return turns of one voice at a time, in order. Block until they are found.

        Setting ``cancelled`` ends it within a batch, with `Unavailable`. Whatever reading ``samples`` raises comes
        through.
        """
        if not len(samples):
            return ()
        stop, count = cancelled or threading.Event(), speakers or SpeakerCount()

        def watch(step: str, made: Any = None, **_: Any) -> None:
            if step == "embeddings" and made is not None:  # all of them, so what follows is clustering
                clustering.enter_context(self._clustering)
            if stop.is_set():
                raise Unavailable("The work was cancelled before it was done.")

        with ExitStack() as clustering:
            found = self._pipeline.apply(
                {"uri": uuid.uuid4().hex, "samples": samples},
                min_speakers=count.minimum,
                max_speakers=count.maximum or MAX_SPEAKERS,
                hook=watch,
            )
        turns = found.exclusive_speaker_diarization.itertracks(yield_label=True)
        end = len(samples) / SAMPLE_RATE
        return tuple(
            SpeakerTurn(max(0.0, turn.start), min(turn.end, end), str(label))
            for turn, _, label in turns
            if turn.start < end
        )


def _load(config: Path, parts: Mapping[str, Path], device: str) -> "LongFileDiarization":
    os.environ["PYANNOTE_METRICS_ENABLED"] = "0"  # read when it is imported
    if device == "cpu":
        keep_freed_memory()
    # Of decoders that are not used here, and of files with fewer voices than were expected.
    warnings.filterwarnings("ignore", module=r"pyannote\.")
    import torch
    from pyannote.audio.core.plda import PLDA

    from stt_ai.engines.packaged_diarization import PackagedDiarization
    from stt_ai.engines.speaker_diarization import LongFileDiarization

    # Cores are used by a batch each. Threads within a batch wait for each other at every layer, spinning: beside a
    # transcriber on the same cores that took fifty times as long.
    torch.set_num_threads(1)
    content = yaml.safe_load(config.read_text(encoding="utf-8"))
    params = {name: _located(value, config.parent, parts) for name, value in content["pipeline"]["params"].items()}
    if content["pipeline"].get("name") == PACKAGED:
        pipeline = PackagedDiarization(**params)
        pipeline.instantiate(pipeline.default_parameters())
    else:
        params.pop("legacy", None)
        if params.setdefault("clustering", "VBxClustering") != "VBxClustering":
            params["plda"] = PLDA.__new__(PLDA)  # not used, and by default fetched from the hub
        pipeline = LongFileDiarization(**params)
        if "freeze" in content:
            pipeline.freeze(content["freeze"])
        pipeline.instantiate(content["params"])
    pipeline.to(torch.device(device))
    return pipeline


def _located(value: Any, folder: Path, parts: Mapping[str, Path]) -> Any:
    """Return ``value`` of a pipeline's parameters, with `$model/…` and names of repositories as folders."""
    if isinstance(value, str) and value.startswith("$model/"):
        return {"checkpoint": str(folder), "subfolder": value.removeprefix("$model/").split("@")[0]}
    if isinstance(value, str) and value in parts:
        return {"checkpoint": str(parts[value])}
    return value
