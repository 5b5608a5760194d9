"""The parts of the pipeline in this process: each loads its model when it is first wanted."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Generic, TypeVar

from stt_ai.engines.cores import share
from stt_ai.engines.decoding import FileDecoder
from stt_ai.engines.diarization import DiarizationEngine
from stt_ai.engines.gpu import find_gpu
from stt_ai.engines.pcm import PcmReader
from stt_ai.engines.scheduler import BatchScheduler
from stt_ai.engines.whisper import WhisperEngine
from stt_ai.models import diarization, speech_models
from stt_ai.models.catalogue import ModelEntry
from stt_ai.settings import Settings
from stt_ai.speech.windows import chunks_of, gather
from stt_ai.types import (
    AudioSelection,
    DecodedAudio,
    DecodingOptions,
    LoadedModel,
    Pcm,
    Samples,
    SpeakerCount,
    SpeakerTurn,
    Upload,
    Window,
    WindowTranscript,
)

Engine = TypeVar("Engine")
Job = tuple[Samples, DecodingOptions]
"""One window."""


class Once(Generic[Engine]):
    """An engine that is loaded once, in a thread. Raises `ModelUnavailable` as often as it is asked for."""

    def __init__(self, load: Callable[[], tuple[Engine, LoadedModel]]) -> None:
        self._load = load
        self._loading: asyncio.Future[tuple[Engine, LoadedModel]] | None = None

    async def get(self) -> tuple[Engine, LoadedModel]:
        """Return the engine and what it is; it is loaded once, by the first call, for all."""
        if self._loading is None:
            self._loading = asyncio.ensure_future(asyncio.to_thread(self._load))
        return await asyncio.shield(self._loading)


class LocalDecoder:
    """The decoder in a thread of this process."""

    def __init__(self, decoder: FileDecoder) -> None:
        self._decoder = decoder

    async def decode(self, upload: Upload, selection: AudioSelection) -> DecodedAudio:
        """As `stt_ai.ports.Decoder.decode`."""
        return await asyncio.to_thread(self._decoder.decode, upload, None, selection)


class LocalTranscriber:
    """Windows of all files go through one queue, in batches."""

    def __init__(self, entry: ModelEntry, settings: Settings) -> None:
        self._engine = Once(partial(_load_whisper, entry, settings))
        self._scheduler: BatchScheduler[Job, WindowTranscript] | None = None
        self._max_batch = settings.transcriber.max_batch or (16 if _on_gpu(settings.transcriber.device) else 8)

    async def describe(self) -> LoadedModel:
        """As `stt_ai.ports.Transcriber.describe`."""
        return (await self._engine.get())[1]

    async def transcribe(self, pcm: Pcm, window: Window, options: DecodingOptions) -> WindowTranscript:
        """As `stt_ai.ports.Transcriber.transcribe`."""
        return await (await self._queue()).submit((_samples(pcm, window), options))

    async def close(self) -> None:
        """End the batches' threads."""
        if self._scheduler is not None:
            await self._scheduler.close()

    async def _queue(self) -> "BatchScheduler[Job, WindowTranscript]":
        engine = (await self._engine.get())[0]
        if self._scheduler is None:
            self._scheduler = BatchScheduler(
                engine.transcribe_batch,
                max_batch=self._max_batch,
                max_concurrency=engine.workers,
                max_queued=100_000,  # each file brings only so many at once
                bucket=lambda job: engine.lengths_to_try(*job),
            )
        return self._scheduler


class LocalDiarizer:
    """One file at a time: each takes all cores."""

    def __init__(self, settings: Settings) -> None:
        self._engine = Once(partial(_load_diarizer, settings))
        self._turn = asyncio.Semaphore(1)

    async def describe(self) -> LoadedModel:
        """As `stt_ai.ports.Diarizer.describe`."""
        return (await self._engine.get())[1]

    async def diarize(self, pcm: Pcm, speakers: SpeakerCount) -> tuple[SpeakerTurn, ...]:
        """As `stt_ai.ports.Diarizer.diarize`."""
        engine, _ = await self._engine.get()
        async with self._turn:
            return await asyncio.to_thread(engine.diarize, PcmReader(pcm), speakers)


def _samples(pcm: Pcm, window: Window) -> Samples:
    return gather(window, pcm.chunk_samples, {index: pcm.chunks[index] for index in chunks_of(window, pcm)})


def _on_gpu(device: str) -> bool:
    return find_gpu().available if device == "auto" else device == "cuda"


def _load_whisper(entry: ModelEntry, settings: Settings) -> tuple[WhisperEngine, LoadedModel]:
    chosen, model = settings.transcriber, speech_models.resolve(entry, settings.models.sources)
    device = "cuda" if _on_gpu(chosen.device) else "cpu"
    cores = share(chosen.cpu_threads, model.path, device)
    engine = WhisperEngine(
        model.path,
        device=device,
        compute_type=chosen.compute_type,
        cpu_threads=cores.threads,
        workers=cores.max_concurrency,
        variable_length=model.variable_length,
        silence_s=model.silence_s,
        lone_threads=cores.lone_threads,
    )
    return engine, replace(model.loaded(), variable_length=engine.variable_length)


def _load_diarizer(settings: Settings) -> tuple[DiarizationEngine, LoadedModel]:
    chosen = settings.diarizer
    found = diarization.resolve(chosen.pipeline, settings.models.sources, chosen.folder)
    engine = DiarizationEngine(
        found.path / diarization.CONFIG,
        found.parts,
        device="cuda" if _on_gpu(chosen.device) else "cpu",
        threads=chosen.cpu_threads,
        batch_size=chosen.batch_size,
    )
    return engine, found.loaded()
