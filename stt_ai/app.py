"""The composition root: `build` binds the deployments into one Serve application."""

import logging
import os
import tempfile
from functools import partial
from pathlib import Path

from ray.serve import Application

from stt_ai import __version__, environment
from stt_ai.accounts import WorkKind
from stt_ai.api.app import create_app
from stt_ai.api.http.backpressure import CountReads
from stt_ai.api.http.client_address import TrustedProxies
from stt_ai.api.http.logs import configure_logging
from stt_ai.api.jobs.services import JobServices
from stt_ai.api.services import ApiConfig, Services
from stt_ai.api.stream.limits import StreamLimits
from stt_ai.api.stream.services import LiveServices
from stt_ai.deployments import billing, decoder, diarizer, ingress, jobs, summarizer, transcriber
from stt_ai.deployments.exposition import ClusterExposition
from stt_ai.deployments.live import LiveTranscription
from stt_ai.deployments.metrics import process_meters
from stt_ai.jobs.client import JobsClient
from stt_ai.jobs.runner import Runner
from stt_ai.jobs.store import FolderStore, Store
from stt_ai.pipeline import Pipeline
from stt_ai.pipeline.backlog import Backlog
from stt_ai.ports import Billing, HealthProbe, Summarizer, TranscriptionService
from stt_ai.settings import IngressSettings, JobsSettings, Settings, StreamSettings, UploadSettings, UrlSettings
from stt_ai.sources.addresses import AddressPolicy
from stt_ai.sources.client import CheckedClient
from stt_ai.sources.fetching import Fetcher
from stt_ai.sources.resumable import ResumableUploads
from stt_ai.types import MAX_WINDOW_S

logger = logging.getLogger(__name__)


def build(settings: Settings) -> Application:
    """Return the whole service. Ray Serve calls this with the ``args`` of `serve_config.yaml`."""
    if complaint := environment.complaint(os.environ):
        logger.warning(complaint)
    models = settings.models
    parts = {
        "decoder": decoder.build(settings.decoder),
        "diarizer": diarizer.build(settings.diarizer, models.sources),
        "billing": billing.build(settings.billing, settings.jobs),
    }
    transcribers = {
        entry.id: transcriber.build(entry, settings.transcriber, models) for entry in models.catalogue.entries
    }
    return ingress.build(
        settings,
        partial(make_api, settings),
        transcribers=transcribers,
        summarizer=summarizer.build(settings.summarizer, models.sources),
        jobs=jobs.build(settings, partial(make_runner, settings), transcribers=transcribers, **parts),
        **parts,
    )


def make_store(settings: JobsSettings) -> Store:
    """Return where the recordings and results of jobs are kept."""
    return FolderStore(settings.store_dir or environment.store_folder())


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


def make_api(
    settings: Settings,
    transcription: TranscriptionService,
    health: HealthProbe,
    billing: Billing,
    live: LiveTranscription,
    summarizer: Summarizer,
    jobs_client: JobsClient,
) -> CountReads:
    """Return the HTTP API, made in the ingress replica over the parts that the other deployments are."""
    configure_logging(settings.ingress.log_level)
    backlog = make_backlog(settings.ingress)
    config = api_config(settings)
    services = Services(
        transcription,
        settings.models.catalogue,
        health,
        config,
        billing=billing,
        live=LiveServices(live.open, live.decode, stream_limits(settings.stream)),
        summarizer=summarizer,
        fetcher=make_fetcher(settings.urls),
        uploads=make_uploads(settings.uploads, config),
        jobs=JobServices(jobs_client, make_store(settings.jobs), settings.jobs.max_retention_hours),
        meters=process_meters(),
        exposition=ClusterExposition(),
        capacity={WorkKind.TRANSCRIPTION: backlog.reserve, WorkKind.STREAM: live.room},
    )
    return CountReads(create_app(services))


def make_uploads(settings: UploadSettings, config: ApiConfig) -> ResumableUploads | None:
    """Return the resumable uploads, or None where there shall be none."""
    if not settings.max_per_account:
        return None
    folder = settings.folder or config.uploads_dir / "resumable"
    return ResumableUploads(folder, settings.expires_s, settings.max_per_account, config.min_free_bytes)


def make_fetcher(settings: UrlSettings) -> Fetcher | None:
    """Return what fetches recordings from addresses, or None where callers may give none."""
    if not settings.enabled:
        return None
    return Fetcher(checked_client(settings), settings.download_timeout_s)


def checked_client(settings: UrlSettings) -> CheckedClient:
    """Return the only client that connects to addresses of callers."""
    policy = AddressPolicy.of(settings.allowed_networks, settings.allow_http)
    return CheckedClient(policy, settings.connect_timeout_s, settings.idle_timeout_s)


def make_backlog(settings: IngressSettings) -> Backlog:
    """Return an empty backlog that refuses files as ``settings`` say."""
    ahead_s = settings.windows_in_flight * MAX_WINDOW_S
    return Backlog(settings.max_wait_s, settings.guaranteed_slots, ahead_s=ahead_s)


def api_config(settings: Settings) -> ApiConfig:
    """Return the API's own part of the settings, and its secret out of the environment."""
    ingress = settings.ingress
    return ApiConfig(
        uploads_dir=uploads_dir(ingress),
        default_model=settings.models.catalogue.default,
        max_file_bytes=ingress.max_file_bytes,
        max_concurrent_uploads=ingress.max_concurrent,
        max_summary_characters=settings.summarizer.max_characters,
        server_sends_request_id=True,
        trusted_proxies=TrustedProxies.of(ingress.trusted_proxies),
        metrics_token=environment.Secrets.read().metrics_token,
        plans=settings.billing.config,
        version=__version__,
    )


def uploads_dir(settings: IngressSettings) -> Path:
    """Return where files lie while they are worked on."""
    return settings.uploads_dir or Path(tempfile.gettempdir()) / f"stt-ai-{os.getuid()}"


def stream_limits(settings: StreamSettings) -> StreamLimits:
    """Return what a stream may take."""
    return StreamLimits(
        max_streams=settings.max_streams,
        config_timeout_s=settings.config_timeout_s,
        idle_timeout_s=settings.idle_timeout_s,
        max_session_s=settings.max_session_s,
        slow_client_s=settings.slow_client_s,
        max_frame_bytes=settings.max_frame_bytes,
        resume_s=settings.resume_s,
    )
