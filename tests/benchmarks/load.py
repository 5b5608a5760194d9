"""Files and live streams up to capacity and twice over it: what is refused, how late the rest is, and what it takes.

Capacity is what the service gets done when more comes than it can do. Then callers come at exactly that rate, and at
twice it, by Poisson processes with a fixed seed; those who are refused do not come again.
"""

import asyncio
import statistics
import time
from collections.abc import Sequence

from tests.benchmarks.bench import Bench
from tests.benchmarks.load_samples import Sampler, totals
from tests.benchmarks.load_traffic import Callers, File, Outcome, Phase, arrive
from tests.benchmarks.report import Result, Series
from tests.service import Service
from tests.speech import DATA

FLOOD, FLOOD_S = 3.0, 40.0
"""Times the rate at which one file after another is done: more than the service can do."""
RUNG_S, LONG_S = 30.0, 90.0
STREAMS_A_FILE = 1 / 12
WARM_S = 10.0
"""The first seconds of a phase fill the service; they are not in its figures."""
PROBE = File(DATA / "five_seconds.flac")
WORSE = 1.5
SOON_S = 15.0


def run(bench: Bench, result: Result) -> None:
    bench.stop_service()
    folder = bench.folder / "load"
    folder.mkdir()
    arguments = bench.arguments()
    arguments["billing"] = {"paid": {"at_once": 1000}}  # so that it is the service that refuses, and not the plan
    arguments["ingress"] = {"longest_wait_s": 10}  # as shipped
    arguments["stream"] = {"longest_lag_s": 2}
    service = Service(folder, arguments)
    bench.say("starting the service")
    service.start()
    try:
        asyncio.run(_measure(bench, result, service))
    finally:
        service.stop()


async def _measure(bench: Bench, result: Result, service: Service) -> None:
    callers = Callers(service.url, service.new_key())
    short = 0.2 if bench.quick else 1.0
    alone = [await callers.send(PROBE) for _ in range(10)][2:]
    idle = statistics.median(one.seconds for one in alone)
    flood = await _phase(bench, callers, "flood", FLOOD / idle, FLOOD_S * short, 1)
    capacity = rate_done(flood)
    bench.say(f"capacity: {capacity:.2f} files a second, with streams")
    phases = [
        await _phase(bench, callers, f"{share:.0%} of capacity", share * capacity, RUNG_S * short, 2)
        for share in (0.5, 0.75)
    ]
    full = await _phase(bench, callers, "capacity", capacity, LONG_S * short, 3)
    before = totals(Sampler(service).sample())
    with Sampler(service, every_s=1.0).watching() as samples:
        over = await _phase(bench, callers, "2 x capacity", 2 * capacity, LONG_S * short, 4, wait=False)
        again = await recovery(callers, WORSE * idle)
        _say(bench, await over.over())
    await callers.close()
    result.add("one file alone", [one.seconds for one in alone])
    result.find("capacity", capacity, "files/s")
    for phase in (*phases, full, over):
        _report(result, phase)
    for kind in ("file", "stream"):
        at, above = (p95(latencies(phase, kind)) for phase in (full, over))
        if at is not None and above is not None:
            result.find(f"{kind}s, p95 at 2 x capacity : at capacity", above / at, "x", at_most=WORSE)
    unclean = [one for phase in (flood, *phases, full, over) for one in phase.unclean]
    result.find("answers that are neither served nor a clean refusal", len(unclean), at_most=0)
    result.notes += [f"unclean: {one}" for one in unclean[:5]]
    result.find("from the end of the overload until a file is as fast as alone", again, "s", at_most=SOON_S)
    peak = [max(one[i] for one in map(totals, samples)) for i in range(3)]
    for name, most, at_first in zip(("memory", "object store", "uploads"), peak, before, strict=True):
        result.find(f"{name} at 2 x capacity, most", most / 2**20, "MiB")
        result.find(f"{name}, growth since capacity", (most - at_first) / 2**20, "MiB")
    result.notes.append(
        "The callers share the machine's processors with the service. Memory is that of all processes, each page of "
        "several counted once (PSS); uploads lie on disk."
    )


async def _phase(
    bench: Bench, callers: Callers, name: str, rate: float, seconds: float, seed: int, wait: bool = True
) -> Phase:
    phase = await arrive(callers, name, rate, seconds, seed, STREAMS_A_FILE)
    if wait:
        _say(bench, await phase.over())
        await asyncio.sleep(3)
    return phase


def _say(bench: Bench, phase: Phase) -> None:
    served, came = len(phase.served("file")), len(phase.of("file"))
    bench.say(f"{phase.name}: {phase.rate:.2f} files a second for {phase.seconds:.0f} s: {served} of {came} served")


def rate_done(phase: Phase) -> float:
    """Files a second that were served while more came than could be."""
    ends = sorted(one.at + one.seconds for one in phase.served("file"))
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
