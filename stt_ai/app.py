"""The composition root: `build` binds the deployments into one Serve application."""

import logging
import os
import tempfile
from functools import partial
from pathlib import Path

import ray
from ray import serve
from ray.serve import Application

from stt_ai import __version__, environment
from stt_ai.accounts import WorkKind
from stt_ai.api.app import create_app
from stt_ai.api.http.backpressure import CountReads
from stt_ai.api.http.client_address import TrustedProxies
from stt_ai.api.http.logs import configure_logging
from stt_ai.api.services import ApiConfig, Services
from stt_ai.api.stream.limits import StreamLimits
from stt_ai.api.stream.services import LiveServices
from stt_ai.deployments.billing import BillingDeployment
from stt_ai.deployments.decoder import DecoderDeployment
from stt_ai.deployments.diarizer import DiarizerConfig, DiarizerDeployment
from stt_ai.deployments.exposition import ClusterExposition
from stt_ai.deployments.ingress import IngressDeployment
from stt_ai.deployments.live import LiveTranscription
from stt_ai.deployments.metrics import process_meters
from stt_ai.deployments.scaling import by_audio
from stt_ai.deployments.summarizer import SummarizerConfig, SummarizerDeployment
from stt_ai.deployments.transcriber import TranscriberConfig, TranscriberDeployment
from stt_ai.engines.cores import available
from stt_ai.engines.ffmpeg import DecoderLimits
from stt_ai.environment import Secrets
from stt_ai.models.catalogue import ModelCatalogue, ModelEntry
from stt_ai.pipeline.backlog import Backlog, CountedTranscription
from stt_ai.ports import Billing, HealthProbe, Summarizer, TranscriptionService
from stt_ai.settings import BillingSettings, IngressSettings, Settings, StreamSettings
from stt_ai.streaming.config import LiveLimits
from stt_ai.types import DecodingOptions

# Replicas share the machine and do their own threading, so what they reserve of it is nominal: Serve's default
# of a whole core each would leave most of them waiting for ever on a small machine.
LIGHT = 0.1

# Percent: a redeploy starts the new replicas before the old ones end. Not on a GPU, where it would wait for ever when
# there is no room for both; nor for what nobody waits for live.
SURGE = 100

logger = logging.getLogger(__name__)

LONGEST_WINDOW_S = 30.0
"""Of audio that Whisper hears at once."""


def build(settings: Settings) -> Application:
    """The whole service from its settings. Ray Serve calls it with the ``args`` of `serve_config.yaml`."""
    if complaint := environment.complaint(os.environ):
        logger.warning(complaint)
    on_gpu = _on_gpu(settings.transcriber.device)
    transcribers = {entry.id: _transcriber(entry, settings, on_gpu) for entry in settings.models.catalogue.entries}
    return (
        serve.deployment(IngressDeployment)
        .options(
            name="ingress",
            num_replicas=1,
            max_ongoing_requests=1000,  # it admits callers itself, and /health must never wait behind them
            max_surge_percent=SURGE,
            ray_actor_options={"num_cpus": LIGHT, "runtime_env": {"env_vars": environment.values(environment.INGRESS)}},
            graceful_shutdown_timeout_s=600,
            health_check_timeout_s=30,
        )
        .bind(
            partial(
                make_api,
                settings.ingress,
                settings.stream,
                settings.models.catalogue,
                settings.summarizer.max_characters,
            ),
            DecodingOptions(beam_size=settings.transcriber.beam_size),
            _live_limits(settings.stream, on_gpu),
            settings.models.kept,
            settings.models.load_wait_s,
            settings.ingress.windows_in_flight,
            _decoder(settings),
            transcribers,
            _diarizer(settings),
            _summarizer(settings),
            _billing(settings.billing),
        )
    )


def make_api(
    settings: IngressSettings,
    stream: StreamSettings,
    catalogue: ModelCatalogue,
    max_summary_characters: int,
    transcription: TranscriptionService,
    health: HealthProbe,
    billing: Billing,
    live: LiveTranscription,
    summarizer: Summarizer,
) -> CountReads:
    """The HTTP API, made in the ingress replica."""
    configure_logging(settings.log_level)
    config = ApiConfig(
        uploads_dir=settings.uploads_dir or Path(tempfile.gettempdir()) / f"stt-ai-{os.getuid()}",
        default_model=catalogue.default,
        max_file_bytes=settings.max_file_bytes,
        max_concurrent_uploads=settings.max_concurrent,
        max_summary_characters=max_summary_characters,
        server_sends_request_id=True,
        trusted_proxies=TrustedProxies.of(settings.trusted_proxies),
        metrics_token=Secrets.read().metrics_token,
        version=__version__,
    )
    limits = StreamLimits(
        max_streams=stream.max_streams,
        config_timeout_s=stream.config_timeout_s,
        idle_timeout_s=stream.idle_timeout_s,
        max_session_s=stream.max_session_s,
        slow_client_s=stream.slow_client_s,
        max_frame_bytes=stream.max_frame_bytes,
        resume_s=stream.resume_s,
    )
    streams = LiveServices(live.open, live.decode, limits)
    ahead_s = settings.windows_in_flight * LONGEST_WINDOW_S
    backlog = Backlog(settings.longest_wait_s, settings.always_taken, ahead_s=ahead_s)
    services = Services(
        CountedTranscription(transcription, backlog),
        catalogue,
        health,
        config,
        billing=billing,
        live=streams,
        summarizer=summarizer,
        meters=process_meters(),
        exposition=ClusterExposition(),
        rooms={WorkKind.TRANSCRIPTION: backlog.room, WorkKind.STREAM: live.room},
    )
    return CountReads(create_app(services))


def _live_limits(settings: StreamSettings, on_gpu: bool) -> LiveLimits:
    beam_size = settings.beam_size or (5 if on_gpu else 1)
    return LiveLimits(
        step_s=settings.step_s,
        beam_size=beam_size,
        undecided_s=settings.undecided_s,
        longest_lag_s=settings.longest_lag_s,
    )


def _on_gpu(device: str) -> bool:
    """Asks the cluster and not this process: the builder runs wherever Ray puts it, often without a GPU."""
    if device != "auto":
        return device == "cuda"
    return bool(ray.is_initialized() and ray.cluster_resources().get("GPU", 0) > 0)


def _billing(settings: BillingSettings) -> Application:
    return (
        serve.deployment(BillingDeployment)
        .options(
            name="billing",
            num_replicas=1,  # more with PostgreSQL only; two for the time of a redeploy is well with SQLite too
            max_surge_percent=SURGE,
            max_ongoing_requests=1000,  # they are short, and a refused one could not be charged
            ray_actor_options={"num_cpus": LIGHT, "runtime_env": {"env_vars": environment.values(environment.BILLING)}},
            graceful_shutdown_timeout_s=30,
            health_check_period_s=5,
            health_check_timeout_s=30,
        )
        .bind(settings.config, settings.database_url)
    )


def _decoder(settings: Settings) -> Application:
    cores = available()
    return (
        serve.deployment(DecoderDeployment)
        .options(
            name="decoder",
            max_ongoing_requests=max(2, cores),
            max_queued_requests=200,
            autoscaling_config={"min_replicas": 1, "max_replicas": 4, "target_ongoing_requests": max(2, cores)},
            max_surge_percent=SURGE,
            ray_actor_options={"num_cpus": LIGHT},
            graceful_shutdown_timeout_s=600,
        )
        .bind(DecoderLimits(max_duration_s=settings.decoder.max_duration_s))
    )


def _diarizer(settings: Settings) -> Application:
    chosen = settings.diarizer
    on_gpu = _on_gpu(chosen.device)
    config = DiarizerConfig(
        pipeline=chosen.pipeline,
        source=settings.models.sources,
        folder=chosen.folder,
        device="cuda" if on_gpu else "cpu",
        cpu_threads=chosen.cpu_threads,
        chunks_a_batch=chosen.chunks_a_batch,
        at_once=4 if on_gpu else 2,
        max_waiting=chosen.max_waiting,
    )
    return (
        serve.deployment(DiarizerDeployment)
        .options(
            name="diarizer",
            max_ongoing_requests=1000,  # it bounds what waits by itself, and a question must not wait behind files
            autoscaling_config=by_audio(
                least=1,
                most=chosen.max_replicas or (4 if on_gpu else 1),
                target_audio_s=chosen.target_audio_s,
                piece_s=chosen.target_audio_s,
                downscale_delay_s=chosen.downscale_delay_s,
            ),
            ray_actor_options={"num_cpus": LIGHT, "num_gpus": chosen.gpu_fraction if on_gpu else 0},
            graceful_shutdown_timeout_s=600,
            health_check_timeout_s=30,
            max_constructor_retry_count=3,
        )
        .bind(config)
    )


def _summarizer(settings: Settings) -> Application:
    """No replica before somebody wants a summary: most services start without, and it holds much memory."""
    chosen = settings.summarizer
    on_gpu = _on_gpu(chosen.device)
    config = SummarizerConfig(
        repository=chosen.model,
        source=settings.models.sources,
        folder=chosen.folder,
        device="cuda" if on_gpu else "cpu",
        dtype=chosen.dtype,
        cpu_threads=chosen.cpu_threads,
        context=chosen.context,
        max_batch=chosen.max_batch or (16 if on_gpu else 8),
        max_requests=chosen.max_requests,
        timeout_s=chosen.timeout_s,
    )
    return (
        serve.deployment(SummarizerDeployment)
        .options(
            name="summarizer",
            max_ongoing_requests=1000,  # it bounds what it takes by itself, and says so
            autoscaling_config={
                "min_replicas": 0,
                "initial_replicas": 0,
                "max_replicas": chosen.max_replicas or (2 if on_gpu else 1),
                "target_ongoing_requests": 8,
                "downscale_delay_s": chosen.idle_unload_s,
            },
            ray_actor_options={"num_cpus": LIGHT, "num_gpus": chosen.gpu_fraction if on_gpu else 0},
            graceful_shutdown_timeout_s=600,
            health_check_timeout_s=30,
            max_constructor_retry_count=3,
        )
        .bind(config)
    )


def _transcriber(entry: ModelEntry, settings: Settings, on_gpu: bool) -> Application:
    """One deployment a model: its own queue, replicas and share of a GPU."""
    chosen = settings.transcriber
    preload = entry.id in settings.models.kept
    config = TranscriberConfig(
        entry=entry,
        source=settings.models.sources,
        preload=preload,
        device="cuda" if on_gpu else "cpu",
        compute_type=chosen.compute_type,
        cpu_threads=chosen.cpu_threads,
        max_batch=chosen.max_batch or (16 if on_gpu else 8),
        max_queued_s=chosen.max_queued_s,
    )
    return (
        serve.deployment(TranscriberDeployment)
        .options(
            name=f"transcriber-{entry.id}",
            max_ongoing_requests=256,  # they wait in the replica's own queue, where they can be batched
            autoscaling_config=by_audio(
                least=1 if preload else 0,
                most=chosen.max_replicas or (4 if on_gpu else 1),
                target_audio_s=chosen.target_audio_s or 2 * config.max_batch * LONGEST_WINDOW_S,
                piece_s=LONGEST_WINDOW_S,
                target_live=chosen.target_live,
                downscale_delay_s=chosen.downscale_delay_s,
                idle_unload_s=chosen.idle_unload_s,
            ),
            max_surge_percent=0 if on_gpu else SURGE,
            ray_actor_options={"num_cpus": LIGHT, "num_gpus": chosen.gpu_fraction if on_gpu else 0},
            graceful_shutdown_timeout_s=600,
            health_check_timeout_s=30,
            max_constructor_retry_count=3,  # weights that cannot be had will not be had the twentieth time either
        )
        .bind(config)
    )
