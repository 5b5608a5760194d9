"""The composition root: `build` binds the deployments into one Serve application."""

import os

import ray
from ray import serve
from ray.serve import Application

from stt_ai.deployments.decoder import DecoderDeployment
from stt_ai.deployments.ingress import IngressConfig, IngressDeployment
from stt_ai.deployments.transcriber import TranscriberConfig, TranscriberDeployment
from stt_ai.engines.decoding import DecoderLimits
from stt_ai.models.catalogue import ModelEntry
from stt_ai.settings import Settings

# CTranslate2 on CPU frees and takes back the same big buffers for every window. These keep glibc from giving
# them back to the system each time.
KEEP_BUFFERS = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": "4294967296"}

# Replicas share the machine and do their own threading, so what they reserve of it is nominal: Serve's default
# of a whole core each would leave most of them waiting for ever on a small machine.
LIGHT = 0.1


def build(settings: Settings) -> Application:
    """The whole service from its settings. Ray Serve calls it with the ``args`` of `serve_config.yaml`."""
    on_gpu = _on_gpu(settings)
    transcribers = {
        entry.id: _transcriber(entry, settings, on_gpu) for entry in settings.models.catalogue.entries
    }
    config = IngressConfig(
        catalogue=settings.models.catalogue,
        load_wait_s=settings.models.load_wait_s,
        beam_size=settings.transcriber.beam_size,
        uploads_dir=settings.ingress.uploads_dir,
        max_file_bytes=settings.ingress.max_file_bytes,
        max_concurrent=settings.ingress.max_concurrent,
        log_level=settings.ingress.log_level,
    )
    return (
        serve.deployment(IngressDeployment)
        .options(
            name="ingress",
            num_replicas=1,
            max_ongoing_requests=1000,  # it admits callers itself, and /health must never wait behind them
            ray_actor_options={"num_cpus": LIGHT},
            graceful_shutdown_timeout_s=600,
            health_check_timeout_s=30,
        )
        .bind(config, _decoder(settings), transcribers)
    )


def _on_gpu(settings: Settings) -> bool:
    """Asks the cluster and not this process: the builder runs wherever Ray puts it, often without a GPU."""
    if settings.transcriber.device != "auto":
        return settings.transcriber.device == "cuda"
    return bool(ray.is_initialized() and ray.cluster_resources().get("GPU", 0) > 0)


def _decoder(settings: Settings) -> Application:
    cores = os.cpu_count() or 1
    return (
        serve.deployment(DecoderDeployment)
        .options(
            name="decoder",
            max_ongoing_requests=max(2, cores),
            max_queued_requests=200,
            autoscaling_config={"min_replicas": 1, "max_replicas": 4, "target_ongoing_requests": max(2, cores)},
            ray_actor_options={"num_cpus": LIGHT},
            graceful_shutdown_timeout_s=600,
        )
        .bind(DecoderLimits(max_duration_s=settings.decoder.max_duration_s))
    )


def _transcriber(entry: ModelEntry, settings: Settings, on_gpu: bool) -> Application:
    """One deployment a model: its own queue, replicas and share of a GPU."""
    chosen = settings.transcriber
    preload = entry.id == settings.models.catalogue.default
    config = TranscriberConfig(
        entry=entry,
        source=settings.models.source,
        folder=settings.models.folder,
        cache=settings.models.cache,
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
            autoscaling_config={
                "min_replicas": 1 if preload else 0,
                "initial_replicas": 1 if preload else 0,
                "max_replicas": chosen.max_replicas if on_gpu else 1,
                "target_ongoing_requests": 64,
                "downscale_delay_s": chosen.idle_unload_s,
            },
            ray_actor_options={
                "num_cpus": LIGHT,
                "num_gpus": chosen.gpu_fraction if on_gpu else 0,
                "runtime_env": {"env_vars": KEEP_BUFFERS},
            },
            graceful_shutdown_timeout_s=600,
            health_check_timeout_s=30,
        )
        .bind(config)
    )
