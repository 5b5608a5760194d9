"""What the figures were taken on, and whether anything else was at work there."""

import importlib.metadata
import os
import platform
import time
from pathlib import Path
from typing import Any

import psutil

PACKAGES = ("ctranslate2", "faster-whisper", "ray", "numpy", "onnxruntime", "fastapi", "httpx")
BUSY_PERCENT = 10.0
WATCH_S = 3.0


def facts() -> dict[str, Any]:
    """Cores, processor, memory, versions, date, and how busy the machine was just before."""
    return {
        "date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "system": f"{platform.system()} {platform.release()}, {'-'.join(platform.libc_ver())}",
        "python": platform.python_version(),
        "versions": {name: importlib.metadata.version(name) for name in PACKAGES},
        "load_average_before": [round(load, 2) for load in os.getloadavg()],
        "cpu_percent_before": psutil.cpu_percent(WATCH_S),
        "nice": os.nice(0),
    }


def warning(found: dict[str, Any]) -> str | None:
    """What keeps the figures from being worth something, if anything does."""
    if found["cpu_percent_before"] > BUSY_PERCENT:
        return (
            f"THE MACHINE IS NOT IDLE: its processors were {found['cpu_percent_before']:.0f} % busy before the run "
            f"(load average {found['load_average_before'][0]}). Take these figures for a trial, not for results."
        )
    return None


def stolen_seconds() -> float:
    """Processor time that the host of a virtual machine has given to others since the machine started."""
    return float(getattr(psutil.cpu_times(), "steal", 0.0))


def _cpu() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()
