"""From the start of the process to the first transcript, and what the running service takes of the machine."""

import threading
import time
from collections import defaultdict

import httpx
import psutil

from tests.benchmarks.bench import Bench
from tests.benchmarks.report import Result
from tests.support.service import Service
from tests.support.word_errors import DATA

MAX_S = 40
FILE = DATA / "five_seconds.flac"
IDLE_S = 5.0
MIB = 1024 * 1024


def run(bench: Bench, result: Result) -> None:
    first, healthy = [], []
    for _ in range(1 if bench.quick else 3):
        service = bench.prepare()
        bench.say("starting the service")
        transcript, health = _start(service)
        first.append(transcript)
        healthy.append(health)
        bench.say(f"first transcript after {transcript:.1f} s, healthy after {health:.1f} s")
    series = result.add("until the first transcript (200)", first)
    result.add("until /health says that every part serves", healthy)
    result.find("until the first transcript", series.median, "s", low=min(first), high=max(first), at_most=MAX_S)
    _memory(result, service)
    result.find("processor time while nobody calls", _idle_percent(service), "% of a core")
    result.notes.append(
        "Set-up was done, files were read before. PSS counts what processes share once; RSS counts it in each."
    )


def _start(service: Service) -> tuple[float, float]:
    """Seconds to (the first transcript, the first healthy answer)."""
    begin = time.monotonic()
    healthy: list[float] = []
    failed: list[BaseException] = []

    def start() -> None:
        try:
            service.start(timeout=300)
            healthy.append(time.monotonic() - begin)
        except BaseException as error:
            failed.append(error)

    starting = threading.Thread(target=start)
    starting.start()
    try:
        transcript = _first_transcript(service, begin, failed)
    finally:
        starting.join()
    if failed:
        raise failed[0]
    return transcript, healthy[0]


def _first_transcript(service: Service, begin: float, failed: list[BaseException]) -> float:
    data = FILE.read_bytes()
    with httpx.Client(base_url=service.url, timeout=60) as client:
        while not failed:
            try:
                answer = client.post("/v1/transcribe", files={"file": (FILE.name, data)}, data={"diarize": "false"})
                if answer.status_code == 200:
                    return time.monotonic() - begin
            except httpx.HTTPError:
                pass
            time.sleep(0.1)
    raise failed[0]


def _memory(result: Result, service: Service) -> None:
    """Resident memory by what a process is, the largest first."""
    rss: dict[str, float] = defaultdict(float)
    pss: dict[str, float] = defaultdict(float)
    count: dict[str, int] = defaultdict(int)
    for process in service.processes():
        try:
            name, memory = _role(process), process.memory_full_info()
        except psutil.Error:
            continue
        count[name] += 1
        rss[name] += memory.rss / MIB
        pss[name] += memory.pss / MIB
    for name in sorted(rss, key=lambda name: -rss[name]):
        several = f" (x{count[name]})" if count[name] > 1 else ""
        result.find(f"memory, {name}{several}: RSS", rss[name], "MiB")
        result.find(f"memory, {name}{several}: PSS", pss[name], "MiB")
    result.find("memory, all: RSS", sum(rss.values()), "MiB")
    result.find("memory, all: PSS", sum(pss.values()), "MiB")


def _role(process: psutil.Process) -> str:
    line = process.cmdline() or [process.name()]
    words = " ".join(line)
    if words.startswith("ray::"):
        return words.split("#")[0].removeprefix("ray::").removeprefix("ServeReplica:").split(".")[0].strip()
    for known in ("dashboard/agent", "runtime_env/agent", "dashboard/dashboard", "log_monitor", "monitor.py"):
        if known in words:
            return f"ray {known}"
    return process.name()


def _idle_percent(service: Service) -> float:
    """Of one core, over some seconds without a call."""

    def used() -> float:
        total = 0.0
        for process in service.processes():
            try:
                times = process.cpu_times()
            except psutil.Error:
                continue
            total += times.user + times.system
        return total

    time.sleep(2)
    before = used()
    time.sleep(IDLE_S)
    return 100 * (used() - before) / IDLE_S
