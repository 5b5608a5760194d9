"""Hours of mixed use in minutes: whether memory, open files or threads of any process grow, and whether anything fails.

At about 60 % of capacity, so that nothing that waits is taken for something that leaks. Growth is the Theil-Sen slope
(the median of the slopes between all pairs of samples) after a third of the time, in which caches fill.
"""

import asyncio
import random
import statistics
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import httpx
from scipy.stats import theilslopes

from tests.benchmarks.bench import Bench
from tests.benchmarks.load import FLOOD, PROBE, STREAMS_A_FILE, rate_done
from tests.benchmarks.load_samples import Sample, Sampler
from tests.benchmarks.load_traffic import Callers, Outcome, Phase, arrive
from tests.benchmarks.report import Result
from tests.benchmarks.soak_traffic import Soak
from tests.support.service import Service

SHARE = 0.6
ODD_SHARE = 0.5
"""Of the load, what the odd callers add to files and streams: about so much."""
EVERY_S = 10.0
MEASURES = {"uss": 2.0**20, "files": 1.0, "threads": 1.0}
UNITS = {"uss": "MiB", "files": "", "threads": ""}
MORE = {"uss": 12.0, "files": 4.0, "threads": 4.0}
"""In the measured time, what is no growth yet: allocators and pools breathe."""
RAYS = ("raylet", "gcs_server", "ray::", "dashboard", "log_monitor", "monitor", "agent", "runtime_env", "client_server")


@dataclass(frozen=True)
class Growth:
    """Of one process, in one measure, from the end of the warm-up: ``low`` is the 95 % interval's lower end."""

    process: str
    measure: str
    first: float
    hourly: float
    low: float
    in_time: float

    @property
    def grows(self) -> bool:
        return self.low > 0 and self.in_time > MORE[self.measure]

    @property
    def ours(self) -> bool:
        return not self.process.startswith(RAYS)


def run(bench: Bench, result: Result) -> None:
    bench.stop_service()
    folder = bench.folder / "soak"
    folder.mkdir()
    arguments = bench.arguments()
    arguments["billing"] = {"paid": {"max_concurrency": 1000}}
    service = Service(folder, arguments)
    bench.say("starting the service")
    service.start()
    try:
        outcomes, samples = asyncio.run(soak(service, 60 * bench.minutes, bench.say))
    finally:
        service.stop()
    report(result, outcomes, samples)


async def soak(
    service: Service, seconds: float, say: Callable[[str], None], every_s: float = EVERY_S
) -> tuple[list[Outcome], list[Sample]]:
    """What became of all who came, and the samples taken meanwhile."""
    key = service.new_key()
    callers = Callers(service.url, key)
    idle = statistics.median([(await callers.send(PROBE)).seconds for _ in range(6)][2:])
    flood = await arrive(callers, "flood", FLOOD / idle, 25, 1, STREAMS_A_FILE)
    capacity = rate_done(flood)
    await flood.over()
    rate = SHARE * (1 - ODD_SHARE) * capacity
    say(f"capacity {capacity:.2f} files a second; {rate:.2f} come beside the others, for {seconds:.0f} s")
    odd_callers = Soak(callers, service.url, key, service.folder)
    stop = asyncio.Event()
    with Sampler(service, every_s).watching() as samples:
        odd = [
            asyncio.create_task(_again_and_again(every / rate, way, stop, number))
            for number, (every, way) in enumerate(odd_callers.ways())
        ]
        phase: Phase = await (await arrive(callers, "soak", rate, seconds, 2, STREAMS_A_FILE)).over()
        stop.set()
        others = await asyncio.gather(*odd)
    await odd_callers.close()
    await callers.close()
    return [*phase.outcomes, *(one for outcomes in others for one in outcomes)], samples


async def _again_and_again(
    every: float, way: Callable[[], Awaitable[Outcome]], stop: asyncio.Event, seed: int
) -> list[Outcome]:
    """One call after another, ``every`` so many seconds on average."""
    outcomes: list[Outcome] = []
    chance = random.Random(seed)
    while not stop.is_set():
        try:
            async with asyncio.timeout(chance.expovariate(1 / every)):
                await stop.wait()
        except TimeoutError:
            try:
                outcomes.append(await way())
            except httpx.HTTPError as error:
                outcomes.append(Outcome(way.__name__, 0, 0, 0, detail=repr(error)))
    return outcomes


def report(result: Result, outcomes: Sequence[Outcome], samples: Sequence[Sample]) -> None:
    came = Counter(one.kind for one in outcomes)
    refused = Counter(one.kind for one in outcomes if one.refused)
    result.notes.append("came: " + ", ".join(f"{kind} {count}" for kind, count in sorted(came.items())))
    result.notes.append("refused cleanly: " + (", ".join(f"{k} {n}" for k, n in sorted(refused.items())) or "none"))
    wrong = [one for one in outcomes if not one.served and not one.refused]
    result.find("answers that were not intended", len(wrong), at_most=0)
    result.find("5xx but 503", sum(500 <= one.status < 600 and one.status != 503 for one in wrong), at_most=0)
    result.notes += [f"not intended: {one}" for one in wrong[:5]]
    late = [sample for sample in samples if sample.at >= samples[-1].at / 3]
    hours = (late[-1].at - late[0].at) / 3600
    found = growths(late)
    result.find("measured after the warm-up", hours * 60, "min")
    for measure in MEASURES:
        mine = [one for one in found if one.measure == measure]
        result.find(f"processes whose {measure} grow", sum(one.grows and one.ours for one in mine), at_most=0)
        result.find(f"processes of Ray whose {measure} grow", sum(one.grows and not one.ours for one in mine))
        for one in sorted((one for one in mine if one.in_time), key=lambda one: -one.in_time)[:6]:
            result.notes.append(
                f"{measure} {one.process}: {one.first:.1f} {UNITS[measure]}, "
                f"{one.hourly:+.1f} an hour (at least {one.low:+.1f}), {one.in_time:+.1f} in all"
            )
    for name in ("store", "uploads", "database"):
        values = [getattr(sample, name) / 2**20 for sample in late]
        result.find(f"{name}, at the end of the warm-up", values[0], "MiB")
        result.find(f"{name}, most", max(values), "MiB")
        result.find(f"{name}, at the end", values[-1], "MiB")
    gone = set(samples[0].processes) ^ set(samples[-1].processes)
    named = sorted({one.processes[pid].name for one in samples for pid in gone if pid in one.processes})
    result.notes.append("processes that came or went: " + (", ".join(named) or "none"))


def growths(samples: Sequence[Sample]) -> list[Growth]:
    """Of the processes that were there all the time."""
    always = set.intersection(*(set(sample.processes) for sample in samples))
    times = [sample.at / 3600 for sample in samples]
    found = []
    for pid in sorted(always):
        for measure, unit in MEASURES.items():
            values = [getattr(sample.processes[pid], measure) / unit for sample in samples]
            slope, _, low, _ = theilslopes(values, times)
            name = samples[0].processes[pid].name
            in_time = slope * (times[-1] - times[0])
            found.append(Growth(f"{name} ({pid})", measure, values[0], float(slope), float(low), float(in_time)))
    return found
