"""Uploads of gigabytes through either proxy: how fast, and how much memory the processes on the way take."""

import json
import subprocess
from pathlib import Path
from typing import Any

from tests.benchmarks.bench import Bench, Setting
from tests.benchmarks.report import Result
from tests.integration.test_uploads import big_wav
from tests.support.service import Service, watched

MB = 1_000_000
MAX_GROWTH_MIB = 300
MIB = 1024 * 1024
SIZES = {"500 MB": 500 * MB, "2 GB": 2000 * MB - 1_000}
"""Bytes; with the form around it the larger one still keeps to the service's limit."""


def run(bench: Bench, result: Result) -> None:
    sizes = dict(list(SIZES.items())[:1]) if bench.quick else SIZES
    for haproxy, name in ((True, "HAProxy"), (False, "Serve's Python proxy")):
        service = bench.service(Setting(haproxy=haproxy))
        for label, size in sizes.items():
            _one(bench, result, service, f"{label}, {name}", size, MAX_GROWTH_MIB if haproxy else None)
    result.notes += [
        "MB/s is of a file that is refused once it was received whole, so nothing but its way to the disk is in it.",
        "Memory is the greatest growth of resident memory of one process while a WAV of the same size is transcribed.",
    ]


def _one(bench: Bench, result: Result, service: Service, name: str, size: int, limit: int | None) -> None:
    nothing = bench.folder / "nothing.bin"
    with nothing.open("wb") as file:
        file.truncate(size)
    speeds = []
    for _ in range(1 if bench.quick else 3):
        seconds, status = _send(service, nothing)
        if status != 400:
            raise RuntimeError(f"a file of zeros was answered with {status}")
        speeds.append(size / MB / seconds)
    nothing.unlink()
    result.add(f"{name}: received", speeds, "MB/s")

    silence = big_wav(bench.folder / "silence.wav", size)
    taken: list[tuple[float, int]] = []
    roles = _roles(service)
    growth = watched(
        [process for processes in roles.values() for process in processes],
        lambda: taken.append(_send(service, silence)),
    )
    silence.unlink()
    seconds, status = taken[0]
    if status != 200:
        raise RuntimeError(f"an upload of silence was answered with {status}")
    result.find(f"{name}: received and transcribed", seconds, "s")
    for role, processes in roles.items():
        peak = max((growth[process.pid] for process in processes), default=0) / MIB
        result.find(f"{name}: growth of the {role}", peak, "MiB", at_most=limit)
    bench.say(f"{name}: {max(speeds):.0f} MB/s; transcribed in {seconds:.1f} s")


def _roles(service: Service) -> dict[str, Any]:
    return {
        "proxy": service.proxies(),
        "ingress": service.replicas("ingress"),
        "decoder": service.replicas("decoder"),
    }


def _send(service: Service, path: Path) -> tuple[float, int]:
    """(seconds, status), by curl: a client in this process would share its memory and its threads."""
    call = ["curl", "-sS", "-o", "/dev/null", "-w", "%{json}", "-F", f"file=@{path}", "-F", "diarize=false"]
    done = subprocess.run([*call, f"{service.url}/v1/transcribe"], capture_output=True, check=True, timeout=300)
    sent = json.loads(done.stdout)
    return float(sent["time_total"]), int(sent["http_code"])
