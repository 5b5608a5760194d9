"""The ingress deployment: the HTTP API before the pipeline. It holds no samples and no model."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ray import serve
from ray.serve import Application
from ray.serve.handle import DeploymentHandle

from stt_ai import environment
from stt_ai.billing.client import BillingClient
from stt_ai.deployments.health import ClusterHealth
from stt_ai.deployments.live import LiveTranscription
from stt_ai.deployments.metrics import process_meters
from stt_ai.deployments.remote import RemoteDecoder, RemoteTranscriber
from stt_ai.deployments.remote_billing import RemoteBilling, RemoteJobs
from stt_ai.deployments.remote_diarizer import RemoteDiarizer
from stt_ai.deployments.remote_summarizer import RemoteSummarizer
from stt_ai.deployments.resources import DRAIN_S, SURGE_PERCENT, actor_options, on_gpu
from stt_ai.deployments.tracing import export_spans
from stt_ai.jobs.client import JobsClient
from stt_ai.pipeline import Pipeline
from stt_ai.ports import HealthProbe, Summarizer, TranscriptionService
from stt_ai.settings import Settings, StreamSettings
from stt_ai.streaming.config import LiveLimits
from stt_ai.types import DecodingOptions

AppFactory = Callable[
    [TranscriptionService, HealthProbe, BillingClient, LiveTranscription, Summarizer, JobsClient], Any
]


@serve.ingress()
class IngressDeployment:
    """Serves the ASGI app that ``make_app`` makes, with the other deployments behind it.

    ``kept``: the models that are always in memory, the default one first. ``load_wait_s``: how long a request waits for
    one that is not yet. ``windows_in_flight``: of one file. Nobody calls ``jobs``, which runs for being bound.
    """

    def __init__(
        self,
        make_app: AppFactory,
        options: DecodingOptions,
        live: LiveLimits,
        kept: Sequence[str],
        load_wait_s: float,
        windows_in_flight: int,
        decoder: DeploymentHandle,
        transcribers: Mapping[str, DeploymentHandle],
        diarizer: DeploymentHandle,
        summarizer: DeploymentHandle,
        billing: DeploymentHandle,
        jobs: DeploymentHandle,
    ) -> None:
        export_spans()
        meters = process_meters()
        # Every request waits for billing twice, and a router in its own thread would add 0.6 ms to each call.
        billing._init(_run_router_in_separate_loop=False)
        remote = {name: RemoteTranscriber(handle, name, load_wait_s) for name, handle in transcribers.items()}
        voices = RemoteDiarizer(diarizer, load_wait_s)
        pipeline = Pipeline(
            RemoteDecoder(decoder), remote, voices, options=options, windows_in_flight=windows_in_flight, meters=meters
        )
        summaries = RemoteSummarizer(summarizer, load_wait_s, meters)
        health = ClusterHealth(
            {name: one.description for name, one in remote.items()},
            {"diarizer": voices.description, "summarizer": summaries.description},
            kept={"diarizer", *(f"transcriber-{name}" for name in kept)},
            needed={"decoder", "billing", f"transcriber-{kept[0]}"},
        )
        streams = LiveTranscription(remote, live, meters)
        self._app = make_app(pipeline, health, RemoteBilling(billing, meters), streams, summaries, RemoteJobs(billing))

    def __serve_build_asgi_app__(self) -> Any:
        return self._app


def build(
    settings: Settings,
    make_app: AppFactory,
    *,
    decoder: Application,
    transcribers: Mapping[str, Application],
    diarizer: Application,
    summarizer: Application,
    billing: Application,
    jobs: Application,
) -> Application:
    """Return the deployment that ``settings`` describe, in front of the others."""
    return (
        serve.deployment(IngressDeployment)
        .options(
            name="ingress",
            num_replicas=1,
            max_ongoing_requests=1000,  # it admits callers itself, and /health must never wait behind them
            max_surge_percent=SURGE_PERCENT,
            ray_actor_options=actor_options(env_vars=environment.values(environment.INGRESS)),
            graceful_shutdown_timeout_s=DRAIN_S,
            health_check_timeout_s=30,
        )
        .bind(
            make_app=make_app,
            options=DecodingOptions(beam_size=settings.transcriber.beam_size),
            live=live_limits(settings.stream, on_gpu(settings.transcriber.device)),
            kept=settings.models.kept,
            load_wait_s=settings.models.load_wait_s,
            windows_in_flight=settings.ingress.windows_in_flight,
            decoder=decoder,
            transcribers=transcribers,
            diarizer=diarizer,
            summarizer=summarizer,
            billing=billing,
            jobs=jobs,
        )
    )


def live_limits(settings: StreamSettings, gpu: bool) -> LiveLimits:
    """Return how sessions are served that have a GPU, or none, for their models."""
    return LiveLimits(
        partial_interval_s=settings.partial_interval_s,
        beam_size=settings.beam_size or (5 if gpu else 1),
        max_pending_audio_s=settings.max_pending_audio_s,
        max_lag_s=settings.max_lag_s,
    )
