"""The transcriber deployment: one speech model and the batch queue before it. One deployment a model."""

import os
import time
from collections.abc import Hashable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import TYPE_CHECKING

from opentelemetry.trace import INVALID_SPAN_CONTEXT, SpanContext
from ray import serve
from ray.serve import Application

from stt_ai.deployments.metrics import counted_batches, process_meters, watch_queue
from stt_ai.deployments.model_loader import ModelLoader
from stt_ai.deployments.remote import fetch_samples
from stt_ai.deployments.resources import DRAIN_S, SURGE_PERCENT, actor_options, on_gpu
from stt_ai.deployments.scaling import AUDIO_S, BUSY, LIVE, PIECES, BusyShare, by_audio
from stt_ai.deployments.tracing import current_span, export_spans, linked_batches, traced
from stt_ai.engines.cores import share
from stt_ai.engines.gpu import find_gpu
from stt_ai.engines.scheduler import BatchScheduler, SchedulerStats
from stt_ai.errors import SttError, Unavailable
from stt_ai.models.catalogue import ModelEntry
from stt_ai.models.speech_models import resolve
from stt_ai.models.wanted import SourceSettings
from stt_ai.settings import ModelSettings, TranscriberSettings
from stt_ai.types import (
    MAX_WINDOW_S,
    SAMPLE_RATE,
    DecodingOptions,
    Hypothesis,
    LoadedModel,
    Pcm,
    Priority,
    Samples,
    Window,
    WindowTranscript,
)

if TYPE_CHECKING:
    from stt_ai.engines.whisper import WhisperEngine

LIVE_S = 10.0
"""So long after the last of a live speaker's windows another one is expected."""

_UNAVAILABLE = "The model {} cannot be loaded at the moment. Try another model, or this one later."


@dataclass(frozen=True, slots=True)
class TranscriberConfig:
    """``preload``: the model is needed from the start, so a replica that cannot load it must not start.

    One that is loaded on first use starts all the same and refuses its callers with the reason; it tries
    again at most every half minute.
    """

    entry: ModelEntry
    source: SourceSettings
    preload: bool
    device: str = "cpu"
    compute_type: str = "default"
    cpu_threads: int = 0
    max_batch: int = 8
    max_queued_s: float = 10_800.0


class DecodeKind(Enum):
    """What is asked about a window."""

    FINAL = auto()
    PARTIAL = auto()


@dataclass(frozen=True, slots=True)
class DecodeRequest:
    """One window for the engine. ``live``: somebody speaks and waits for it. ``span``: that of who asks."""

    kind: DecodeKind
    samples: Samples
    options: DecodingOptions
    live: bool = False
    span: SpanContext = INVALID_SPAN_CONTEXT


def _seconds(request: DecodeRequest) -> float:
    return request.samples.size / SAMPLE_RATE


def _span(request: DecodeRequest) -> SpanContext:
    return request.span


DecodeResult = WindowTranscript | Hypothesis


class TranscriberDeployment:
    """Transcribes windows of all requests together, in batches.

    Live speech has batches of its own. On a CPU it has a queue of its own as well, whose windows are decoded one by one
    beside those of files: a live speaker never waits for a file's window, and the threads of files step back. While
    somebody speaks, each window of a file is alone too: decoded together they take hardly less than one after another,
    and would keep the caches from live speech for longer.
    """

    def __init__(self, config: TranscriberConfig) -> None:
        export_spans()
        self._config = config
        self._loader = ModelLoader(self._load, _UNAVAILABLE.format(config.entry.id))
        self._live_until = 0.0
        self._busy, self._busy_with_live = BusyShare(), BusyShare()
        meters = process_meters()
        run = linked_batches(counted_batches(self._run, meters, _seconds), _span, "transcriber batch")

        def scheduler() -> BatchScheduler[DecodeRequest, DecodeResult]:
            return BatchScheduler(
                run,
                max_batch=config.max_batch,
                max_queued_s=config.max_queued_s,
                seconds=_seconds,
                bucket=self._bucket,
            )

        self._scheduler = scheduler()
        self._live_scheduler = scheduler() if config.device == "cpu" else self._scheduler
        self._schedulers = {self._scheduler, self._live_scheduler}
        watch_queue(meters, self._stats)
        failure = self._loader.try_now()
        if failure is not None and config.preload:
            raise failure

    async def describe(self) -> LoadedModel:
        """Return what serves here, loaded if need be. Raise `ModelUnavailable` where nothing does."""
        return await self._loader.describe()

    async def record_autoscaling_stats(self) -> dict[str, float]:
        """Return what waits and runs here, for `AudioPolicy`. Serve calls it every few seconds."""
        now = self._stats()
        return {
            AUDIO_S: now.queued_seconds + now.running_seconds,
            PIECES: float(now.queued + now.running),
            LIVE: self._busy_with_live.take(),
            BUSY: self._busy.take(),
        }

    @traced("transcriber transcribe")
    async def transcribe(self, pcm: Pcm, window: Window, options: DecodingOptions) -> WindowTranscript:
        """Return the text of one window of a file, decoded in a batch with windows of others."""
        await self._loader.ready()
        request = DecodeRequest(DecodeKind.FINAL, await fetch_samples(pcm, window), options, span=current_span())
        result = await self._scheduler.submit(request, priority=options.priority)
        assert isinstance(result, WindowTranscript)
        return result

    async def transcribe_partial(
        self, samples: Samples, options: DecodingOptions, key: str, within_s: float
    ) -> Hypothesis | None:
        """As `stt_ai.ports.LiveRecognizer` says."""
        request = DecodeRequest(DecodeKind.PARTIAL, samples, options, live=True)
        deadline = time.monotonic() + within_s
        try:
            await self._loader.ready()
            result = await self._live_scheduler.submit(request, priority=Priority.PARTIAL, deadline=deadline, key=key)
        except Unavailable:
            return None
        assert isinstance(result, Hypothesis)
        return result

    @traced("transcriber transcribe_final")
    async def transcribe_final(
        self, samples: Samples, options: DecodingOptions, key: str
    ) -> WindowTranscript | Unavailable:
        """Return the final of the samples, or a refusal as a value: Serve would log a raised one with its traceback."""
        request = DecodeRequest(DecodeKind.FINAL, samples, options, live=True, span=current_span())
        try:
            await self._loader.ready()
            result = await self._live_scheduler.submit(request, priority=Priority.LIVE, key=key)
        except Unavailable as refusal:
            return refusal.with_traceback(None)
        assert isinstance(result, WindowTranscript)
        return result

    def _stats(self) -> SchedulerStats:
        """Return what waits and runs in both queues."""
        first, *others = (queue.stats() for queue in self._schedulers)
        return sum(others, first)

    def _bucket(self, request: DecodeRequest) -> Hashable:
        now = time.monotonic()
        if request.live:
            self._live_until = now + LIVE_S
        if self._config.device == "cpu" and now < self._live_until:
            return id(request)
        engine = self._loader.engine
        assert engine is not None
        return request.live, engine.lengths_to_try(request.samples, request.options)

    def _load(self) -> "tuple[WhisperEngine, LoadedModel]":
        config = self._config
        model = resolve(config.entry, config.source)
        cores = share(config.cpu_threads, model.path, config.device)
        # OpenMP reads these once, when loaded. Ray sets 1 thread for replicas with little CPU; threads beyond that
        # would be started anew in each of the thousands of short steps of a batch.
        os.environ["OMP_NUM_THREADS"] = str(cores.threads)
        if cores.threads == 1:
            # Only the encoder has more threads then, and waiting ones would spin on the cores of other batches.
            os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
        # Imported here: the builder of the service imports this module too, and needs no model library.
        from stt_ai.engines.whisper import WhisperEngine

        engine = WhisperEngine(
            model.path,
            device=config.device,
            compute_type=config.compute_type,
            cpu_threads=cores.threads,
            workers=cores.max_concurrency * len(self._schedulers),
            variable_length=model.variable_length,
            silence_s=model.silence_s,
            lone_threads=cores.lone_threads,
        )
        for share_of_time in (self._busy, self._busy_with_live):
            share_of_time.places = cores.max_concurrency
        for queue in self._schedulers:
            queue.max_concurrency = cores.max_concurrency
        return engine, replace(model.loaded(find_gpu()), variable_length=engine.variable_length)

    def _run(self, requests: Sequence[DecodeRequest]) -> list[DecodeResult | SttError]:
        """Decode one batch, in a thread of the scheduler; return the results in order, an error for a failed one."""
        with self._busy.busy(), self._busy_with_live.busy() if requests[0].live else nullcontext():
            return self._decode(requests)

    def _decode(self, requests: Sequence[DecodeRequest]) -> list[DecodeResult | SttError]:
        results: dict[int, DecodeResult | SttError] = {}
        for kind in DecodeKind:
            places = [at for at, request in enumerate(requests) if request.kind is kind]
            results.update(zip(places, self._decode_kind(kind, [requests[at] for at in places]), strict=True))
        return [results[at] for at in range(len(requests))]

    def _decode_kind(self, kind: DecodeKind, requests: Sequence[DecodeRequest]) -> Sequence[DecodeResult | SttError]:
        engine = self._loader.engine
        assert engine is not None
        windows = [(request.samples, request.options) for request in requests]
        if kind is DecodeKind.PARTIAL:
            return engine.transcribe_partial_batch(windows)
        return engine.transcribe_batch(windows, live=any(request.live for request in requests))


def build(entry: ModelEntry, settings: TranscriberSettings, models: ModelSettings) -> Application:
    """Return the deployment of one model, which has its own queue, replicas and share of a GPU."""
    gpu = on_gpu(settings.device)
    preload = entry.id in models.kept
    config = TranscriberConfig(
        entry=entry,
        source=models.sources,
        preload=preload,
        device="cuda" if gpu else "cpu",
        compute_type=settings.compute_type,
        cpu_threads=settings.cpu_threads,
        max_batch=settings.max_batch or (16 if gpu else 8),
        max_queued_s=settings.max_queued_s,
    )
    return (
        serve.deployment(TranscriberDeployment)
        .options(
            name=f"transcriber-{entry.id}",
            max_ongoing_requests=256,  # they wait in the replica's own queue, where they can be batched
            autoscaling_config=by_audio(
                min_replicas=1 if preload else 0,
                max_replicas=settings.max_replicas or (4 if gpu else 1),
                target_audio_s=settings.target_audio_s or 2 * config.max_batch * MAX_WINDOW_S,
                piece_s=MAX_WINDOW_S,
                target_live=settings.target_live,
                downscale_delay_s=settings.downscale_delay_s,
                idle_unload_s=settings.idle_unload_s,
            ),
            max_surge_percent=0 if gpu else SURGE_PERCENT,
            ray_actor_options=actor_options(settings.gpu_fraction if gpu else 0),
            graceful_shutdown_timeout_s=DRAIN_S,
            health_check_timeout_s=30,
            max_constructor_retry_count=3,  # weights that cannot be had will not be had the twentieth time either
        )
        .bind(config=config)
    )
