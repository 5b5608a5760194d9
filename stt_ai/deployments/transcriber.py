"""The transcriber deployment: one speech model and the batch queue before it. One deployment a model."""

import asyncio
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass

from stt_ai.deployments.remote import fetch_samples
from stt_ai.engines.gpu import find_gpu
from stt_ai.engines.scheduler import BatchScheduler
from stt_ai.engines.whisper import WhisperEngine
from stt_ai.errors import ModelUnavailable, SttError
from stt_ai.models.catalogue import ModelEntry
from stt_ai.models.fetch import SourceSettings, resolve
from stt_ai.types import DecodingOptions, LanguageGuess, LoadedModel, Pcm, Priority, Samples, Window, WindowTranscript

logger = logging.getLogger(__name__)

RETRY_LOAD_S = 30.0

# For callers. What stands in the log names folders and addresses of the inside.
_UNAVAILABLE = "The model {} cannot be loaded at the moment. Try another model, or this one later."


@dataclass(frozen=True, slots=True)
class TranscriberConfig:
    """``preload``: the model is needed from the start, so a replica that cannot load it must not start.

    One that is loaded on first use starts all the same and tells its callers why it cannot serve; it tries
    again at most every half minute.
    """

    entry: ModelEntry
    source: SourceSettings
    preload: bool
    device: str = "cpu"
    compute_type: str = "default"
    cpu_threads: int = 0
    max_batch: int = 8
    max_queued_s: float = 7200.0


@dataclass(frozen=True, slots=True)
class Job:
    """One window for the engine. ``options`` None: only its language is asked."""

    samples: Samples
    options: DecodingOptions | None


class TranscriberDeployment:
    """Transcribes windows of all requests together, in batches."""

    def __init__(self, config: TranscriberConfig) -> None:
        self._config = config
        self._engine: WhisperEngine | None = None
        self._loaded = LoadedModel("")
        self._failure: ModelUnavailable | None = None
        self._failed_at = 0.0
        self._loading = asyncio.Lock()
        self._scheduler: BatchScheduler[Job, WindowTranscript | LanguageGuess] = BatchScheduler(
            self._run, max_batch=config.max_batch, max_queued_s=config.max_queued_s, seconds=_seconds
        )
        self._load()
        if self._failure is not None and config.preload:
            raise self._failure

    async def describe(self) -> LoadedModel:
        await self._ready()
        return self._loaded

    async def transcribe(self, pcm: Pcm, window: Window, options: DecodingOptions) -> WindowTranscript:
        await self._ready()
        job = Job(await fetch_samples(pcm, window), options)
        result = await self._scheduler.submit(job, priority=options.priority)
        assert isinstance(result, WindowTranscript)
        return result

    async def detect_language(self, pcm: Pcm, window: Window) -> LanguageGuess:
        await self._ready()
        job = Job(await fetch_samples(pcm, window), None)
        result = await self._scheduler.submit(job, priority=Priority.FINAL)
        assert isinstance(result, LanguageGuess)
        return result

    async def _ready(self) -> None:
        if self._engine is not None:
            return
        async with self._loading:
            if self._engine is None and time.monotonic() - self._failed_at > RETRY_LOAD_S:
                await asyncio.to_thread(self._load)
        if self._failure is not None:
            raise self._failure

    def _load(self) -> None:
        config = self._config
        try:
            model = resolve(config.entry, **config.source.model_dump())
            self._engine = WhisperEngine(
                model.path,
                device=config.device,
                compute_type=config.compute_type,
                cpu_threads=config.cpu_threads,
                variable_length=model.variable_length,
            )
        except ModelUnavailable as failure:
            logger.error("%s", failure)
            self._failed_at = time.monotonic()
            self._failure = failure if config.preload else ModelUnavailable(_UNAVAILABLE.format(config.entry.id), 60)
            return
        self._failure = None
        self._loaded = LoadedModel(model.label, model.demo, model.window_s, find_gpu())

    def _run(self, jobs: Sequence[Job]) -> list[WindowTranscript | LanguageGuess | SttError]:
        """One batch, in the scheduler's thread: results in the order of the jobs, a failed one as its error."""
        assert self._engine is not None
        asked = {at: job.samples for at, job in enumerate(jobs) if job.options is None}
        spoken = {at: (job.samples, job.options) for at, job in enumerate(jobs) if job.options is not None}
        results: dict[int, WindowTranscript | LanguageGuess | SttError] = {}
        results.update(zip(asked, self._engine.detect_batch(list(asked.values())), strict=True))
        results.update(zip(spoken, self._engine.transcribe_batch(list(spoken.values())), strict=True))
        return [results[at] for at in range(len(jobs))]


def _seconds(job: Job) -> float:
    return job.samples.size / 16_000
