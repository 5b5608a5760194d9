"""Batches for a model out of what many callers ask at once.

Whoever waits when the model becomes free shares the next batch, by priority, the oldest first. On a busy
machine batches fill up by themselves; on an idle one nobody waits for company, and what came together is dealt out to
all free places.
"""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from typing import Generic, TypeVar

from stt_ai.engines.batch_queue import BatchQueue, QueueFull, Ticket
from stt_ai.errors import InternalError, Overloaded, Superseded, Unavailable
from stt_ai.types import Priority

logger = logging.getLogger(__name__)

Item = TypeVar("Item")
Result = TypeVar("Result")

CLOSING = "The service is shutting down. Please try again."
FAILED = "The service failed to process this request."


@dataclass(frozen=True, slots=True)
class SchedulerStats:
    """What waits and runs now, and what became of all that was submitted.

    ``batch_sizes`` are (size, how many), by size; ``audio_seconds`` were done in ``busy_seconds``.
    """

    queued: int
    queued_seconds: float
    running: int
    running_seconds: float
    submitted: int
    completed: int
    failed: int
    cancelled: int
    superseded: int
    expired: int
    rejected: int
    batch_sizes: tuple[tuple[int, int], ...]
    audio_seconds: float
    busy_seconds: float

    def __add__(self, other: "SchedulerStats") -> "SchedulerStats":
        """Return the sums of both; the batches of one size together."""
        sums = {field.name: getattr(self, field.name) + getattr(other, field.name) for field in fields(self)}
        sizes = Counter(dict(self.batch_sizes)) + Counter(dict(other.batch_sizes))
        return SchedulerStats(**sums | {"batch_sizes": tuple(sorted(sizes.items()))})

    @property
    def batches(self) -> int:
        """Return the number of batches that were run."""
        return sum(times for _, times in self.batch_sizes)


class BatchScheduler(Generic[Item, Result]):
    """Runs a batch function in its own threads, ``max_concurrency`` batches at a time. For use from one event loop.

    ``run`` takes the items of a batch and returns a result, or an exception, for each. When it raises, each item is
    run again alone, so that only those at fault fail.

    ``max_concurrency`` may be set until the first item is submitted.
    """

    def __init__(
        self,
        run: Callable[[list[Item]], Sequence[Result | BaseException]],
        *,
        max_batch: int = 8,
        max_concurrency: int = 1,
        max_wait: float = 0.0,
        max_queued: int = 1024,
        max_queued_s: float = float("inf"),
        seconds: Callable[[Item], float] = lambda _: 1.0,
        bucket: Callable[[Item], Hashable] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``seconds``: an item's audio, by which the queue and the model's speed are measured. ``bucket``: items that
        differ in it never share a batch. ``max_wait``: seconds that an idle model waits for a batch to fill.
        """
        self.max_concurrency = max_concurrency
        self._run = run
        self._max_batch = max_batch
        self._max_wait = max_wait
        self._seconds = seconds
        self._bucket = bucket
        self._clock = clock
        self._queue: BatchQueue[Item] = BatchQueue(max_queued, max_queued_s)
        self._futures: dict[Ticket[Item], asyncio.Future[Result]] = {}
        self._running: dict[asyncio.Task[None], list[Ticket[Item]]] = {}
        self._begun = 0.0
        self._counts: Counter[str] = Counter()
        self._sizes: Counter[int] = Counter()
        self._audio_seconds = self._busy_seconds = 0.0
        self._changed = asyncio.Event()
        self._server: asyncio.Task[None] | None = None
        self._executor: ThreadPoolExecutor | None = None
        self._closed = False

    async def submit(
        self, item: Item, *, priority: Priority = Priority.FINAL, deadline: float | None = None, key: Hashable = None
    ) -> Result:
        """The item's result. ``deadline`` is a time of the clock (`time.monotonic`) by which it must have begun.

        Takes the place of a partial that waits with the same ``key``. Raises `Superseded` in that older one,
        `Overloaded` when too much waits already, `Unavailable` past the deadline or once closed, and whatever the
        item itself failed with. Cancelled before it began, it never runs.
        """
        self._counts["submitted"] += 1
        loop = asyncio.get_running_loop()
        ticket = Ticket(
            item, priority, self._seconds(item), self._bucket(item), key, deadline=deadline, since=self._clock()
        )
        self._admit(ticket)
        future: asyncio.Future[Result] = loop.create_future()
        self._futures[ticket] = future
        timer = None
        if deadline is not None:
            timer = loop.call_later(max(0.0, deadline - self._clock()), self._expire, ticket)
        if self._server is None:
            self._executor = ThreadPoolExecutor(self.max_concurrency, thread_name_prefix="batch")
            self._server = loop.create_task(self._serve(self._executor))
        self._changed.set()
        try:
            return await future
        finally:
            if timer:
                timer.cancel()
            del self._futures[ticket]
            self._queue.discard(ticket)
            if future.cancelled():
                self._counts["cancelled"] += 1
            else:
                future.exception()  # seen, also when the caller was cancelled at the same time

    def stats(self) -> SchedulerStats:
        """Return what waits and runs now."""
        running = tuple(self._running.values())  # in one step: whoever samples figures asks from another thread
        names = ("submitted", "completed", "failed", "cancelled", "superseded", "expired", "rejected")
        return SchedulerStats(
            queued=len(self._queue),
            queued_seconds=self._queue.seconds,
            running=sum(map(len, running)),
            running_seconds=sum(ticket.seconds for batch in running for ticket in batch),
            **{name: self._counts[name] for name in names},
            batch_sizes=tuple(sorted(self._sizes.items())),
            audio_seconds=self._audio_seconds,
            busy_seconds=self._busy_seconds,
        )

    async def close(self) -> None:
        """Refuses what waits and what comes, lets the running batches end, and frees the threads."""
        self._closed = True
        for ticket in self._queue.clear():
            self._fail(ticket, Unavailable(CLOSING), "rejected")
        self._changed.set()
        if self._server is not None:
            await asyncio.shield(self._server)
        while self._running:
            await asyncio.wait(self._running)
        if self._executor is not None:
            self._executor.shutdown(wait=False)

    def _admit(self, ticket: Ticket[Item]) -> None:
        if self._closed:
            self._counts["rejected"] += 1
            raise Unavailable(CLOSING)
        older = self._queue.replace(ticket)
        if older is not None:
            self._fail(older, Superseded("A newer partial took this one's place."), "superseded")
        try:
            pushed_out = self._queue.add(ticket)
        except QueueFull:
            self._counts["rejected"] += 1
            raise self._overloaded() from None
        for partial in pushed_out:
            self._fail(partial, self._overloaded(), "rejected")

    def _overloaded(self) -> Overloaded:
        """Asks to come back when, at the speed measured so far, half of the queue will be done."""
        speed = self._audio_seconds / self._busy_seconds if self._busy_seconds else 0.0
        wait = min(max(1.0, self._queue.seconds / speed / 2), 600.0) if speed else 5.0
        return Overloaded("The service is overloaded. Please try again later.", wait)

    def _expire(self, ticket: Ticket[Item]) -> None:
        if self._queue.discard(ticket):
            self._fail(ticket, Unavailable("The service did not get to this in time. Please try again."), "expired")

    def _fail(self, ticket: Ticket[Item], error: Exception, why: str) -> None:
        future = self._futures.get(ticket)
        if future is not None and not future.done():
            self._counts[why] += 1
            future.set_exception(error)

    async def _serve(self, threads: ThreadPoolExecutor) -> None:
        while not self._closed:
            await self._wait_for_batch()
            for late in self._queue.expired(self._clock()):
                self._expire(late)
            batch = [ticket for ticket in self._queue.take(self._share()) if not self._futures[ticket].done()]
            if not batch:
                continue
            if not self._running:
                self._begun = self._clock()
            running = asyncio.create_task(self._serve_batch(batch, threads))
            self._running[running] = batch

    def _share(self) -> int:
        """Return how many of those that wait a free place may take, so that no other free place stays idle."""
        free = max(1, self.max_concurrency - len(self._running))
        return min(self._max_batch, -(-len(self._queue) // free))

    async def _serve_batch(self, batch: list[Ticket[Item]], threads: ThreadPoolExecutor) -> None:
        this = asyncio.current_task()
        assert this is not None
        results = await asyncio.get_running_loop().run_in_executor(threads, self._results_of, [t.item for t in batch])
        del self._running[this]
        now = self._clock()
        self._busy_seconds += now - self._begun  # those that still run are busy from now on
        self._begun = now
        self._audio_seconds += sum(ticket.seconds for ticket in batch)
        self._sizes[len(batch)] += 1
        for ticket, result in zip(batch, results, strict=True):
            self._deliver(ticket, result)
        self._changed.set()

    async def _wait_for_batch(self) -> None:
        """Until something waits for which a thread is free and, when asked to, until the batch is full or its oldest
        item waited long enough.
        """
        while not self._closed:
            self._changed.clear()
            free = len(self._running) < self.max_concurrency
            batch = self._queue.peek(self._max_batch) if free else []
            left = min((ticket.since for ticket in batch), default=0.0) + self._max_wait - self._clock()
            if batch and (len(batch) >= self._max_batch or left <= 0):
                return
            try:
                await asyncio.wait_for(self._changed.wait(), left if batch else None)
            except TimeoutError:
                return

    def _results_of(self, items: list[Item]) -> list[Result | BaseException]:
        """In a worker thread: one result or exception for each item, whatever the batch function does."""
        try:
            results = list(self._run(items))
            if len(results) != len(items):
                raise RuntimeError(f"a batch of {len(items)} gave {len(results)} results")
        except BaseException as error:
            if len(items) == 1:
                return [error]
            logger.warning("a batch of %d failed, its items are run alone", len(items), exc_info=error)
            return [self._results_of([item])[0] for item in items]
        return results

    def _deliver(self, ticket: Ticket[Item], result: Result | BaseException) -> None:
        if isinstance(result, BaseException):
            plain = isinstance(result, Exception) and not isinstance(result, StopIteration)
            self._fail(ticket, result if plain else InternalError(FAILED), "failed")  # type: ignore[arg-type]
            return
        future = self._futures.get(ticket)
        if future is not None and not future.done():
            self._counts["completed"] += 1
            future.set_result(result)
