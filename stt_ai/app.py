"""The composition root: `build` binds the deployments into one Serve application."""

import logging
import os
from functools import partial

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
from stt_ai.billing.client import BillingClient
from stt_ai.deployments import billing, decoder, diarizer, ingress, jobs, summarizer, transcriber
from stt_ai.deployments.exposition import ClusterExposition
from stt_ai.deployments.live import LiveTranscription
from stt_ai.deployments.metrics import process_meters
from stt_ai.deployments.parts import address_policy, make_backlog, make_fetcher, make_store, make_uploads, uploads_dir
from stt_ai.jobs.client import JobsClient
from stt_ai.ports import HealthProbe, Summarizer, TranscriptionService
from stt_ai.settings import Settings, StreamSettings

logger = logging.getLogger(__name__)


def build(settings: Settings) -> Application:
    """Return the whole service. Ray Serve calls this with the ``args`` of `serve_config.yaml`."""
    if complaint := environment.complaint(os.environ):
        logger.warning(complaint)
    models = settings.models
    parts = {
        "decoder": decoder.build(settings.decoder),
        "diarizer": diarizer.build(settings.diarizer, models.sources),
        "summarizer": summarizer.build(settings.summarizer, models.sources),
        "billing": billing.build(settings.billing, settings.jobs),
    }
    transcribers = {
        entry.id: transcriber.build(entry, settings.transcriber, models) for entry in models.catalogue.entries
    }
    return ingress.build(
        settings,
        partial(make_api, settings),
        transcribers=transcribers,
        jobs=jobs.build(settings, transcribers=transcribers, **parts),
        **parts,
    )


def make_api(
    settings: Settings,
    transcription: TranscriptionService,
    health: HealthProbe,
    billing: BillingClient,
    live: LiveTranscription,
    summarizer: Summarizer,
    jobs_client: JobsClient,
) -> CountReads:
    """Return the HTTP API, made in the ingress replica over the parts that the other deployments are."""
    configure_logging(settings.ingress.log_level)
    backlog = make_backlog(settings.ingress)
    config, store = api_config(settings), make_store(settings.jobs)
    services = Services(
        transcription,
        settings.models.catalogue,
        health,
        config,
        billing=billing,
        live=LiveServices(live.open, live.decode, stream_limits(settings.stream)),
        summarizer=summarizer,
        fetcher=make_fetcher(settings.urls),
        uploads=make_uploads(settings.uploads, store, config.min_free_bytes),
        jobs=JobServices(
            jobs_client,
            store,
            settings.jobs.max_retention_hours,
            webhooks=address_policy(settings.urls),
            on_load=lambda load: backlog.count_elsewhere(load.remaining_s),
        ),
        meters=process_meters(),
        exposition=ClusterExposition(),
        capacity={WorkKind.TRANSCRIPTION: backlog.reserve, WorkKind.STREAM: live.room},
    )
    return CountReads(create_app(services))


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
