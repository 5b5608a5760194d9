"""Files and live streams up to capacity and twice over it: what is refused, how late the rest is, and what it takes.

Capacity is what the service gets done when more comes than it can do. Then callers come at exactly that rate, and at
twice it, by Poisson processes with a fixed seed; those who are refused do not come again. At capacity the service
begins as full as the flood left it: from an empty one its queue would take the better part of an hour to be as long as
it is on average, and flatter the figure.
"""

import asyncio
import random
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from stt_ai.settings import IngressSettings, StreamSettings
from tests.benchmarks import load_fixed
from tests.benchmarks.bench import Arguments, Bench
from tests.benchmarks.load_samples import Sampler, totals
from tests.benchmarks.load_traffic import Callers, File, Outcome, Phase, any_clip, any_file, arrive
from tests.benchmarks.report import Result, Series
from tests.support.service import Service
from tests.support.word_errors import DATA

FLOOD, FLOOD_S = 1.25, 40.0
"""Times the rate at which one short file after another is done: more than the service can do. Not many times more: the
streams, which come with the files and are not refused with them, would leave less and less for files."""
RUNG_S, LONG_S = 25.0, 75.0
STREAMS_A_FILE = 1 / 12
WARM_S = 10.0
"""The first seconds of a phase fill the service; they are not in its figures."""
PROBE = File(DATA / "five_seconds.flac")
WORSE = 1.5
SOON_S = 15.0


def run(bench: Bench, result: Result) -> None:
    _run(bench, result, Load(STREAMS_A_FILE, any_file), bench.arguments(), None)
    result.notes.append("The callers share the machine's processors with the service.")


def run_fixed(bench: Bench, result: Result) -> None:
    """Files alone, on a model that sleeps."""
    folder = bench.folder / "sleeper"
    folder.mkdir()
    entry = {"id": load_fixed.NAME, "name": "Sleeper", "folder": str(folder)}
    arguments = bench.arguments()
    arguments["models"] = {"catalogue": {**load_fixed.CATALOGUE, "extra": [entry]}}
    _run(bench, result, Load(0.0, any_clip), arguments, "tests.benchmarks.load_fixed:build")
    result.notes.append(f"A model that does {load_fixed.SPEED:g} seconds of audio a second and takes no processor.")


@dataclass(frozen=True)
class Load:
    """Who comes: streams for each file, and which files."""

    streams_a_file: float
    choose: Callable[[random.Random], File]


def _run(bench: Bench, result: Result, load: Load, arguments: Arguments, import_path: str | None) -> None:
    bench.stop_service()
    folder = bench.folder / result.name
    folder.mkdir()
    arguments["billing"] = {
        "paid": {"max_concurrency": 1000}
    }  # so that it is the service that refuses, and not the plan
    arguments["ingress"] = {"max_wait_s": IngressSettings().max_wait_s}  # as shipped
    arguments["stream"] = {"max_lag_s": StreamSettings().max_lag_s}
    service = Service(folder, arguments, import_path=import_path)
    bench.say("starting the service")
    service.start()
    try:
        asyncio.run(_measure(bench, result, service, load))
    finally:
        service.stop()


async def _measure(bench: Bench, result: Result, service: Service, load: Load) -> None:
    callers = Callers(service.url, service.new_key())
    short = 0.2 if bench.quick else 1.0

    async def phase(name: str, rate: float, seconds: float, seed: int) -> Phase:
        return await arrive(callers, name, rate, seconds * short, seed, load.streams_a_file, load.choose)

    alone = [await callers.send(PROBE) for _ in range(10)][2:]
    idle = statistics.median(one.seconds for one in alone)
    flood = await phase("flood", FLOOD / idle, FLOOD_S, 1)
    capacity = rate_done(flood)
    bench.say(f"capacity: {capacity:.2f} files a second")
    full = await phase("capacity", capacity, LONG_S, 3)
    before = totals(Sampler(service).sample())
    with Sampler(service, every_s=1.0).watching() as samples:
        over = await phase("2 x capacity", 2 * capacity, LONG_S, 4)
        again = await recovery(callers, WORSE * idle)
    for one in (flood, full, over):
        _say(bench, await one.over())
    below = []
    for share in (0.5, 0.75):
        below.append(await (await phase(f"{share:.0%} of capacity", share * capacity, RUNG_S, 2)).over())
        _say(bench, below[-1])
    await callers.close()
    result.add("one file alone", [one.seconds for one in alone])
    result.find("capacity", capacity, "files/s")
    for one in (*below, full, over):
        _report(result, one)
    for kind in ("file", "stream"):
        at, above = (p95(latencies(one, kind)) for one in (full, over))
        if at is not None and above is not None:
            result.find(f"{kind}s, p95 at 2 x capacity : at capacity", above / at, "x", at_most=WORSE)
    unclean = [caller for one in (flood, *below, full, over) for caller in one.unclean]
    result.find("answers that are neither served nor a clean refusal", len(unclean), at_most=0)
    result.notes += [f"unclean: {one}" for one in unclean[:5]]
    result.find("from the end of the overload until a file is as fast as alone", again, "s", at_most=SOON_S)
    peak = [max(one[i] for one in map(totals, samples)) for i in range(3)]
    for name, limit, at_first in zip(("memory", "object store", "uploads"), peak, before, strict=True):
        result.find(f"{name} at 2 x capacity, most", limit / 2**20, "MiB")
        result.find(f"{name}, growth since capacity", (limit - at_first) / 2**20, "MiB")
    result.notes.append(
        "Memory is that of all processes, each page of several counted once (PSS); uploads lie on disk."
    )


def _say(bench: Bench, phase: Phase) -> None:
    served, came = len(phase.served("file")), len(phase.of("file"))
    late = p95(latencies(phase, "file")) or 0.0
    bench.say(
        f"{phase.name}: {phase.rate:.2f} files a second for {phase.seconds:.0f} s: {served} of {came} served, "
        f"p95 {late:.2f} s"
    )


def rate_done(phase: Phase) -> float:
    """Files a second that were served while more came than could be, as far as they are done."""
    done = [task.result() for task in phase.under_way if task.done()]
    ends = sorted(one.at + one.seconds for one in done if one.kind == "file" and one.served)
    inside = [end for end in ends if WARM_S <= end <= phase.seconds] or ends
    return max(1, len(inside) - 1) / max(0.1, inside[-1] - inside[0])


def latencies(phase: Phase, kind: str) -> list[float]:
    served = phase.served(kind, min(WARM_S, phase.seconds / 3))
    return [late for one in served for late in (one.late if kind == "stream" else (one.seconds,))]


def p95(values: Sequence[float]) -> float | None:
    return Series("", tuple(values)).percentile(95) if values else None


async def recovery(callers: Callers, enough: float, patience: float = 120.0) -> float:
    """Seconds until three files in a row took no longer than ``enough``, or ``patience``."""
    begin, fast = time.perf_counter(), 0
    first = begin
    while time.perf_counter() - begin < patience:
        sent = time.perf_counter()
        outcome: Outcome = await callers.send(PROBE)
        if outcome.served and outcome.seconds <= enough:
            first = sent if not fast else first
            fast += 1
            if fast == 3:
                return first - begin
        else:
            fast = 0
            await asyncio.sleep(0.2)
    return patience


def _report(result: Result, phase: Phase) -> None:
    for kind in ("file", "stream"):
        came, values = phase.of(kind), latencies(phase, kind)
        refused = sum(one.refused for one in came)
        what = "end of speech to final" if kind == "stream" else "from the first byte to the answer"
        if values:
            result.add(f"{phase.name}: {kind}s, {what}", values)
            result.find(f"{phase.name}: {kind}s, p95", p95(values) or 0.0, "s")
        if came:
            result.find(f"{phase.name}: {kind}s that came", len(came))
            result.find(f"{phase.name}: {kind}s refused", 100 * refused / len(came), "%")
