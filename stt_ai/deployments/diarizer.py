"""The diarizer deployment: one pipeline of speaker diarization."""

import asyncio
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray
from ray import exceptions as rex
from ray import serve
from ray.serve import Application

from stt_ai.deployments.model_loader import ModelLoader
from stt_ai.deployments.resources import DRAIN_S, actor_options, on_gpu
from stt_ai.deployments.scaling import AUDIO_S, PIECES, by_audio
from stt_ai.deployments.tracing import export_spans, traced
from stt_ai.engines.diarization import DiarizationEngine
from stt_ai.engines.niceness import SPEAKERS, step_back
from stt_ai.engines.pcm import PcmReader
from stt_ai.errors import AudioLost, Overloaded
from stt_ai.models.diarization import CONFIG, PipelineName, resolve
from stt_ai.models.wanted import SourceSettings
from stt_ai.settings import DiarizerSettings
from stt_ai.types import LoadedModel, Pcm, Samples, SpeakerCount, SpeakerTurn

_UNAVAILABLE = "Speakers cannot be identified at the moment. Send diarize=false for a transcript without them."


@dataclass(frozen=True, slots=True)
class DiarizerConfig:
    """``folder`` holds the pipeline; None: where `stt_ai.models.diarization` finds it. 0: as the engine thinks best.

    ``max_concurrency`` files are worked on by turns, and at most ``max_waiting`` more wait in one replica.
    """

    pipeline: PipelineName
    source: SourceSettings
    folder: Path | None = None
    device: str = "cpu"
    cpu_threads: int = 0
    batch_size: int = 0
    max_concurrency: int = 2
    max_waiting: int = 100


class DiarizerDeployment:
    """Diarizes whole files, several at a time.

    A replica that cannot have its pipeline does not start when weights must be there (``source`` hub or packages).
    Else it starts, refuses its callers, and tries again at most every half minute.
    """

    def __init__(self, config: DiarizerConfig) -> None:
        export_spans()
        step_back(SPEAKERS)
        self._config = config
        self._loader = ModelLoader(self._load, _UNAVAILABLE)
        self._places = asyncio.Semaphore(config.max_concurrency)
        self._inside = 0
        self._seconds_inside = 0.0
        failure = self._loader.try_now()
        if failure is not None and config.source.source in ("hub", "packages"):
            raise failure

    async def describe(self) -> LoadedModel:
        """Return what serves here, loaded if need be. Raise `ModelUnavailable` where nothing does."""
        return await self._loader.describe()

    async def record_autoscaling_stats(self) -> dict[str, float]:
        """Return what waits and runs here, for `AudioPolicy`. Serve calls it every few seconds."""
        return {AUDIO_S: self._seconds_inside, PIECES: float(self._inside)}

    @traced("diarizer diarize")
    async def diarize(self, pcm: Pcm, speakers: SpeakerCount) -> tuple[SpeakerTurn, ...]:
        """Raise `Overloaded` when too many files wait already."""
        engine = await self._loader.ready()
        if self._inside >= self._config.max_concurrency + self._config.max_waiting:
            raise Overloaded("Too many files wait for their speakers to be identified. Please try again shortly.", 10)
        self._inside += 1
        self._seconds_inside += pcm.duration
        try:
            async with self._places:
                return await _in_thread(engine, pcm, speakers)
        finally:
            self._inside -= 1
            self._seconds_inside = self._seconds_inside - pcm.duration if self._inside else 0.0

    def _load(self) -> tuple[DiarizationEngine, LoadedModel]:
        config = self._config
        found = resolve(config.pipeline, config.source, config.folder)
        engine = DiarizationEngine(
            found.path / CONFIG,
            found.parts,
            device=config.device,
            threads=config.cpu_threads,
            batch_size=config.batch_size,
        )
        return engine, found.loaded()


async def _in_thread(engine: DiarizationEngine, pcm: Pcm, speakers: SpeakerCount) -> tuple[SpeakerTurn, ...]:
    """Cancelling it ends the work soon, and comes back only then: the next file takes its place."""
    cancelled = threading.Event()
    work = asyncio.ensure_future(asyncio.to_thread(engine.diarize, PcmReader(pcm, _fetch), speakers, cancelled))
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        cancelled.set()  # a thread cannot be cancelled, but it looks at this after every batch
        await asyncio.wait([work])
        work.exception()
        raise


def _fetch(reference: Any) -> Samples:
    """Return one chunk out of the object store, in the thread that works on the file."""
    try:
        chunk: Samples = ray.get(reference)
    except rex.ObjectLostError as exc:
        raise AudioLost("The decoded samples are gone.") from exc
    return chunk


def build(settings: DiarizerSettings, source: SourceSettings) -> Application:
    """Return the deployment that ``settings`` describe, with its weights from ``source``."""
    gpu = on_gpu(settings.device)
    config = DiarizerConfig(
        pipeline=settings.pipeline,
        source=source,
        folder=settings.folder,
        device="cuda" if gpu else "cpu",
        cpu_threads=settings.cpu_threads,
        batch_size=settings.batch_size,
        max_concurrency=4 if gpu else 2,
        max_waiting=settings.max_waiting,
    )
    return (
        serve.deployment(DiarizerDeployment)
        .options(
            name="diarizer",
            max_ongoing_requests=1000,  # it limits its own queue, and a health check must not wait behind files
            autoscaling_config=by_audio(
                min_replicas=1,
                max_replicas=settings.max_replicas or (4 if gpu else 1),
                target_audio_s=settings.target_audio_s,
                piece_s=settings.target_audio_s,
                downscale_delay_s=settings.downscale_delay_s,
            ),
            ray_actor_options=actor_options(settings.gpu_fraction if gpu else 0),
            graceful_shutdown_timeout_s=DRAIN_S,
            health_check_timeout_s=30,
            max_constructor_retry_count=3,
        )
        .bind(config=config)
    )
