"""The jobs deployment: takes recordings out of the queue and has the other deployments transcribe them."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from functools import partial

from ray import serve
from ray.serve import Application
from ray.serve.handle import DeploymentHandle

from stt_ai.deployments.metrics import process_meters
from stt_ai.deployments.parts import make_fetcher, make_store, uploads_dir
from stt_ai.deployments.remote import RemoteDecoder, RemoteTranscriber
from stt_ai.deployments.remote_billing import RemoteJobs
from stt_ai.deployments.remote_diarizer import RemoteDiarizer
from stt_ai.deployments.resources import actor_options
from stt_ai.deployments.tracing import export_spans
from stt_ai.jobs.client import JobsClient
from stt_ai.jobs.runner import Runner
from stt_ai.pipeline import Pipeline
from stt_ai.settings import Settings
from stt_ai.types import DecodingOptions

logger = logging.getLogger(__name__)

RunnerFactory = Callable[[JobsClient, Pipeline], Runner]


class JobsDeployment:
    """Runs what ``make_runner`` makes, from the first health check on. Nobody calls it: its work is in the queue."""

    def __init__(
        self,
        make_runner: RunnerFactory,
        options: DecodingOptions,
        load_wait_s: float,
        windows_in_flight: int,
        decoder: DeploymentHandle,
        transcribers: Mapping[str, DeploymentHandle],
        diarizer: DeploymentHandle,
        billing: DeploymentHandle,
    ) -> None:
        export_spans()
        remote = {name: RemoteTranscriber(handle, name, load_wait_s) for name, handle in transcribers.items()}
        pipeline = Pipeline(
            RemoteDecoder(decoder),
            remote,
            RemoteDiarizer(diarizer, load_wait_s),
            options=options,
            windows_in_flight=windows_in_flight,
            meters=process_meters(),
        )
        self._make_runner = partial(make_runner, RemoteJobs(billing), pipeline)
        self._running: asyncio.Task[None] | None = None

    async def check_health(self) -> None:
        """Start the runner anew where it has ended. Serve asks every few seconds."""
        if self._running is None or self._running.done():  # also when it was ended by an error
            if self._running is not None and not self._running.cancelled() and self._running.exception():
                logger.error("the runner of jobs ended", exc_info=self._running.exception())
            self._running = asyncio.create_task(self._make_runner().run())


def make_runner(settings: Settings, client: JobsClient, pipeline: Pipeline) -> Runner:
    """Return what works on jobs, made in the replica of that deployment."""
    chosen = settings.jobs
    return Runner(
        client,
        make_store(chosen),
        pipeline,
        uploads_dir(settings.ingress),
        fetcher=make_fetcher(settings.urls),
        max_running=chosen.max_running,
        poll_s=chosen.poll_s,
        sweep_every_s=chosen.sweep_every_s,
    )


def build(
    settings: Settings,
    *,
    decoder: Application,
    transcribers: Mapping[str, Application],
    diarizer: Application,
    billing: Application,
) -> Application:
    """Return the deployment that ``settings`` describe, behind the same parts as the ingress."""
    return (
        serve.deployment(JobsDeployment)
        .options(
            name="jobs",
            num_replicas=1,
            ray_actor_options=actor_options(),
            graceful_shutdown_timeout_s=5,  # whatever it works on, another replica takes up where this one was
            health_check_period_s=5,
            health_check_timeout_s=30,
        )
        .bind(
            make_runner=partial(make_runner, settings),
            options=DecodingOptions(beam_size=settings.transcriber.beam_size),
            load_wait_s=settings.models.load_wait_s,
            windows_in_flight=settings.ingress.windows_in_flight,
            decoder=decoder,
            transcribers=transcribers,
            diarizer=diarizer,
            billing=billing,
        )
    )
