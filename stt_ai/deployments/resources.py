"""The machine's cores and GPUs, as the replicas of all deployments share them."""

from typing import Any

import ray

CPUS = 0.1
"""Replicas share the machine and do their own threading, so what they reserve of it is nominal: Serve's default of a
whole core each would leave most of them waiting for ever on a small machine."""

SURGE_PERCENT = 100
"""A redeploy starts the new replicas before the old ones end. Not on a GPU, where it would wait for ever when there is
no room for both; nor for what nobody waits for live."""

DRAIN_S = 600
"""A replica that goes may finish what it works on for so long."""


def on_gpu(device: str) -> bool:
    """Return whether ``device`` (auto, cpu or cuda) means a GPU.

    This asks the cluster and not this process: the builder runs wherever Ray puts it, often without a GPU.
    """
    if device != "auto":
        return device == "cuda"
    return bool(ray.is_initialized() and ray.cluster_resources().get("GPU", 0) > 0)


def actor_options(gpu_fraction: float | None = None, env_vars: dict[str, str] | None = None) -> dict[str, Any]:
    """Return Ray's options for one replica's process. ``gpu_fraction`` None: it never uses a GPU."""
    options: dict[str, Any] = {"num_cpus": CPUS}
    if gpu_fraction is not None:
        options["num_gpus"] = gpu_fraction
    if env_vars is not None:
        options["runtime_env"] = {"env_vars": env_vars}
    return options
