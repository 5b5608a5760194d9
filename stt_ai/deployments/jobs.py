"""The jobs deployment: takes recordings out of the queue and has the other deployments transcribe them."""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Protocol

from ray import serve
from ray.serve import Application
from ray.serve.handle import DeploymentHandle

from stt_ai.deployments.metrics import process_meters
from stt_ai.deployments.parts import make_deliverer, make_fetcher, make_store, uploads_dir
from stt_ai.deployments.remote import RemoteDecoder, RemoteTranscriber
from stt_ai.deployments.remote_billing import RemoteJobs
from stt_ai.deployments.remote_diarizer import RemoteDiarizer
from stt_ai.deployments.remote_summarizer import RemoteSummarizer
from stt_ai.deployments.resources import actor_options
from stt_ai.deployments.tracing import export_spans
from stt_ai.jobs.client import JobsClient
from stt_ai.jobs.runner import Runner
from stt_ai.pipeline import Pipeline
from stt_ai.ports import Summarizer
from stt_ai.settings import Settings
from stt_ai.types import DecodingOptions

logger = logging.getLogger(__name__)


class Worker(Protocol):
    """A loop over a queue."""

    async def run(self) -> None:
        """Work until cancelled. May be called again after it raised."""
        ...


WorkersFactory = Callable[[JobsClient, Pipeline, Summarizer], Sequence[Worker]]


class JobsDeployment:
    """Runs what ``make_workers`` makes, from the first health check on. Nobody calls it: its work is in the queue."""

    def __init__(
        self,
        make_workers: WorkersFactory,
        options: DecodingOptions,
        load_wait_s: float,
        windows_in_flight: int,
        decoder: DeploymentHandle,
        transcribers: Mapping[str, DeploymentHandle],
        diarizer: DeploymentHandle,
        summarizer: DeploymentHandle,
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
        self._workers = make_workers(
            RemoteJobs(billing), pipeline, RemoteSummarizer(summarizer, load_wait_s, process_meters())
        )
        self._running: list[asyncio.Task[None] | None] = [None] * len(self._workers)

    async def check_health(self) -> None:
        """Start anew what has ended. Serve asks every few seconds."""
        for index, (worker, task) in enumerate(zip(self._workers, self._running, strict=True)):
            if task is None or task.done():  # also when it was ended by an error
                if task is not None and not task.cancelled() and task.exception():
                    logger.error("%s ended", type(worker).__name__, exc_info=task.exception())
                self._running[index] = asyncio.create_task(worker.run())


def make_workers(
    settings: Settings, client: JobsClient, pipeline: Pipeline, summarizer: Summarizer
) -> tuple[Worker, ...]:
    """Return what works on jobs and what sends webhooks, made in the replica of that deployment."""
    chosen, store = settings.jobs, make_store(settings.jobs)
    runner = Runner(
        client,
        store,
        pipeline,
        uploads_dir(settings.ingress),
        fetcher=make_fetcher(settings.urls),
        summarizer=summarizer,
        max_running=chosen.max_running,
        poll_s=chosen.poll_s,
        sweep_every_s=chosen.sweep_every_s,
    )
    deliverer = make_deliverer(settings.urls, client.webhooks, store)
    return (runner, deliverer) if deliverer else (runner,)


def build(
    settings: Settings,
    *,
    decoder: Application,
    transcribers: Mapping[str, Application],
    diarizer: Application,
    summarizer: Application,
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
            make_workers=partial(make_workers, settings),
            options=DecodingOptions(beam_size=settings.transcriber.beam_size),
            load_wait_s=settings.models.load_wait_s,
            windows_in_flight=settings.ingress.windows_in_flight,
            decoder=decoder,
            transcribers=transcribers,
            diarizer=diarizer,
            summarizer=summarizer,
            billing=billing,
        )
    )
