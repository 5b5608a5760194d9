"""Figures to Ray, which exports them with its own: at every node's metrics port, and so on Ray's dashboard."""

import functools
import logging
import os
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from ray import serve
from ray.serve.exceptions import RayServeException
from ray.util import metrics

from stt_ai.engines.reading_speed import Speed
from stt_ai.engines.scheduler import SchedulerStats
from stt_ai.jobs.messages import JobLoad
from stt_ai.meters import (
    BATCH_SIZE,
    BATCHED,
    BATCHED_SECONDS,
    BUSY_SECONDS,
    JOBS,
    LANGUAGE_MODEL_SPEED,
    MEMORY,
    NO_METERS,
    OLDEST_JOB_SECONDS,
    QUEUED,
    QUEUED_SECONDS,
    WEBHOOKS,
    Counter,
    Gauge,
    Histogram,
    Meter,
    Meters,
)

logger = logging.getLogger(__name__)

SAMPLE_S = 5.0
"""Ray gathers the figures of a process every 10 s, and forgets a gauge that nobody set for 20."""

Item = TypeVar("Item")
Result = TypeVar("Result")


class RayMeters:
    """Creates Ray's metric for a meter at its first value. For use from any thread; a call takes some microseconds."""

    def __init__(self, deployment: str, replica: str) -> None:
        self._own = {"deployment": deployment, "replica": replica}
        self._made: dict[str, Any] = {}
        self._lock = threading.Lock()

    def add(self, meter: Counter, amount: float = 1.0, /, **labels: str) -> None:
        """As `Meters.add`; amounts of 0, which Ray refuses, are left out."""
        if amount > 0:  # Ray refuses to add nothing
            self._of(meter, metrics.Counter).inc(amount, labels)

    def observe(self, meter: Histogram, value: float, /, **labels: str) -> None:
        """As `Meters.observe`."""
        self._of(meter, metrics.Histogram, boundaries=list(meter.boundaries)).observe(value, labels)

    def set(self, meter: Gauge, value: float, /, **labels: str) -> None:
        """As `Meters.set`."""
        self._of(meter, metrics.Gauge).set(value, labels)

    def _of(self, meter: Meter, kind: Any, **options: Any) -> Any:
        made = self._made.get(meter.name)
        if made is None:
            with self._lock:
                keys = (*self._own, *meter.labels)
                made = kind(meter.name, meter.description, tag_keys=keys, **options)
                self._made[meter.name] = made.set_default_tags(self._own)
        return made


@functools.cache
def process_meters() -> Meters:
    """Return this replica's meters, and report its memory from then on; elsewhere meters that do nothing."""
    try:
        context = serve.get_replica_context()
    except RayServeException:
        return NO_METERS
    meters = RayMeters(context.deployment, context.replica_tag)
    sample(lambda: meters.set(MEMORY, resident_bytes()))
    return meters


_samples: list[Callable[[], None]] = []


def sample(look: Callable[[], None]) -> None:
    """Call ``look`` every few seconds from now on, in its own thread, so also while the event loop is busy."""
    _samples.append(look)
    if len(_samples) == 1:
        threading.Thread(target=_keep_sampling, name="metrics", daemon=True).start()


def _keep_sampling() -> None:
    while True:
        for look in tuple(_samples):
            try:
                look()
            except Exception:
                logger.debug("a figure could not be taken", exc_info=True)
        time.sleep(SAMPLE_S)


def resident_bytes() -> int:
    """Return the resident memory of this process with its shared part; 0 if the system does not report it."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def watch_queue(meters: Meters, stats: Callable[[], SchedulerStats]) -> None:
    """Report what waits for a model, from now on."""

    def look() -> None:
        now = stats()
        meters.set(QUEUED, now.queued)
        meters.set(QUEUED_SECONDS, now.queued_seconds)

    if meters is not NO_METERS:
        sample(look)


def watch_language_model(meters: Meters, speed: Callable[[], Speed | None]) -> None:
    """Report how fast a language model reads and writes, from now on. ``speed``: None as long as none is loaded."""

    def look() -> None:
        if (now := speed()) is not None:
            meters.set(LANGUAGE_MODEL_SPEED, now.read_a_second, step="read")
            meters.set(LANGUAGE_MODEL_SPEED, now.written_a_second, step="write")

    if meters is not NO_METERS:
        sample(look)


def watch_jobs(meters: Meters, load: Callable[[], JobLoad]) -> None:
    """Report how many jobs and webhooks there are, from now on."""

    def look() -> None:
        now = load()
        meters.set(JOBS, now.queued, state="queued")
        meters.set(JOBS, now.running, state="running")
        meters.set(OLDEST_JOB_SECONDS, now.oldest_s)
        meters.set(WEBHOOKS, now.webhooks)

    if meters is not NO_METERS:
        sample(look)


def counted_batches(
    run: Callable[[Sequence[Item]], Result], meters: Meters, seconds: Callable[[Item], float] = lambda _: 0.0
) -> Callable[[Sequence[Item]], Result]:
    """Return ``run`` of a `BatchScheduler` with its batches counted. ``seconds``: of an item's audio.

    The time in which several batches run beside each other is counted once.
    """
    lock, running, counted_until = threading.Lock(), 0, 0.0

    def counted(items: Sequence[Item]) -> Result:
        nonlocal running, counted_until
        with lock:
            if not running:
                counted_until = time.perf_counter()
            running += 1
        try:
            return run(items)
        finally:
            with lock:
                running -= 1
                busy, counted_until = time.perf_counter() - counted_until, time.perf_counter()
            meters.add(BUSY_SECONDS, busy)
            meters.add(BATCHED, len(items))
            meters.add(BATCHED_SECONDS, sum(map(seconds, items)))
            meters.observe(BATCH_SIZE, len(items))

    return counted
