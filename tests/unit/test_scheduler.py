"""The batch scheduler: who shares a batch, who goes first, and that nobody is lost or served twice.

The model is a real function in the scheduler's own thread that waits, where a test says so, for the test to let it go
on. Nothing here waits for time to pass.
"""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stt_ai.engines.scheduler import BatchScheduler
from stt_ai.errors import BadParameter, InternalError, Overloaded, Superseded, Unavailable
from stt_ai.types import Priority


class Model:
    """Doubles numbers. While it is held, a batch that has begun does not end."""

    def __init__(self) -> None:
        self.batches: list[list[Any]] = []
        self.threads: set[str] = set()
        self._free = threading.Event()
        self._free.set()
        self._begun: asyncio.Queue[list[Any]] = asyncio.Queue()
        self._loop = asyncio.get_running_loop()

    def __call__(self, items: list[Any]) -> list[Any]:
        self.batches.append(items)
        self.threads.add(threading.current_thread().name)
        self._loop.call_soon_threadsafe(self._begun.put_nowait, items)
        assert self._free.wait(30)
        return [item if isinstance(item, BaseException) else item * 2 for item in items]

    def hold(self) -> None:
        self._free.clear()

    def let_go(self) -> None:
        self._free.set()

    async def begun(self) -> list[Any]:
        return await asyncio.wait_for(self._begun.get(), 30)


@asynccontextmanager
async def scheduling(**options: Any) -> AsyncIterator[tuple[BatchScheduler[Any, Any], Model]]:
    model = Model()
    scheduler: BatchScheduler[Any, Any] = BatchScheduler(options.pop("run", model), **options)
    try:
        yield scheduler, model
    finally:
        model.let_go()
        await scheduler.close()


async def _waiting(scheduler: BatchScheduler[Any, Any], count: int) -> None:
    """Lets the loop turn until the tasks just made have run up to the queue."""
    async with asyncio.timeout(30):
        while scheduler.stats().queued != count:  # noqa: ASYNC110 - the queue is no event, its count is
            await asyncio.sleep(0)


async def _busy(scheduler: BatchScheduler[Any, Any], model: Model) -> "asyncio.Task[Any]":
    """A batch is running and will not end before the model is let go."""
    model.hold()
    task = asyncio.create_task(scheduler.submit(0))
    assert await model.begun() == [0]
    return task


async def _queued(scheduler: BatchScheduler[Any, Any], *items: Any, **options: Any) -> "list[asyncio.Task[Any]]":
    before = scheduler.stats().queued
    tasks = [asyncio.create_task(scheduler.submit(item, **options)) for item in items]
    await _waiting(scheduler, before + len(items))
    return tasks


async def test_an_idle_model_serves_at_once_in_a_thread_of_its_own() -> None:
    async with scheduling() as (scheduler, model):
        assert await scheduler.submit(21) == 42
        assert model.batches == [[21]]
        assert threading.current_thread().name not in model.threads


async def test_what_comes_while_the_model_is_busy_shares_the_next_batches() -> None:
    async with scheduling(max_batch=3) as (scheduler, model):
        first = await _busy(scheduler, model)
        rest = await _queued(scheduler, 1, 2, 3, 4)
        model.let_go()
        assert await asyncio.gather(first, *rest) == [0, 2, 4, 6, 8]
        assert model.batches == [[0], [1, 2, 3], [4]]
        assert scheduler.stats().batch_sizes == ((1, 2), (3, 1))


async def test_finals_go_before_partials_and_the_oldest_first() -> None:
    async with scheduling(max_batch=2) as (scheduler, model):
        first = await _busy(scheduler, model)
        partials = await _queued(scheduler, 1, 2, priority=Priority.PARTIAL)
        finals = await _queued(scheduler, 3, 4, 5)
        model.let_go()
        await asyncio.gather(first, *partials, *finals)
        assert model.batches == [[0], [3, 4], [5, 1], [2]]


async def test_items_of_different_buckets_never_share_a_batch() -> None:
    async with scheduling(bucket=lambda item: item % 2) as (scheduler, model):
        first = await _busy(scheduler, model)
        rest = await _queued(scheduler, 1, 2, 3, 4)
        model.let_go()
        await asyncio.gather(first, *rest)
        assert model.batches == [[0], [1, 3], [2, 4]]


async def test_an_item_that_fails_fails_alone() -> None:
    async with scheduling() as (scheduler, model):
        first = await _busy(scheduler, model)
        bad = BadParameter("no such language", "language")
        tasks = await _queued(scheduler, 1, bad, 3)
        model.let_go()
        results = await asyncio.gather(first, *tasks, return_exceptions=True)
        assert results == [0, 2, bad, 6]
        assert scheduler.stats().failed == 1


async def test_a_batch_that_raises_is_run_again_item_by_item() -> None:
    def run(items: list[int]) -> list[int]:
        batches.append(items)
        if 13 in items:
            raise RuntimeError("13")
        return items

    batches: list[list[int]] = []
    async with scheduling(run=run, max_wait=60, max_batch=3) as (scheduler, _):
        results = await asyncio.gather(*(scheduler.submit(n) for n in (12, 13, 14)), return_exceptions=True)
        assert results[0] == 12
        assert isinstance(results[1], RuntimeError)
        assert results[2] == 14
        assert batches == [[12, 13, 14], [12], [13], [14]]


@pytest.mark.parametrize("failure", [StopIteration(), SystemExit(1), KeyboardInterrupt()])
async def test_no_exception_of_the_model_stops_the_service(failure: BaseException) -> None:
    def run(items: list[int]) -> list[int]:
        if items == [13]:
            raise failure
        return items

    async with scheduling(run=run) as (scheduler, _):
        with pytest.raises(InternalError):
            await scheduler.submit(13)
        assert await scheduler.submit(1) == 1


async def test_a_model_that_forgets_an_item_fails_that_call_and_serves_on() -> None:
    async with scheduling(run=lambda items: items[1:] if len(items) > 1 else items, max_wait=60, max_batch=2) as (s, _):
        assert await asyncio.gather(s.submit(1), s.submit(2)) == [1, 2]


async def test_a_batch_that_is_full_does_not_wait_for_company() -> None:
    async with scheduling(max_wait=3600, max_batch=2) as (scheduler, model):
        assert await asyncio.gather(scheduler.submit(1), scheduler.submit(2)) == [2, 4]
        assert model.batches == [[1, 2]]


async def test_a_lone_item_waits_no_longer_than_it_must() -> None:
    async with scheduling(max_wait=0.01, max_batch=8) as (scheduler, model):
        assert await asyncio.wait_for(scheduler.submit(1), 30) == 2
        assert model.batches == [[1]]


async def test_a_cancelled_item_never_runs() -> None:
    async with scheduling() as (scheduler, model):
        first = await _busy(scheduler, model)
        lost, kept = await _queued(scheduler, 1, 2)
        lost.cancel()
        await _waiting(scheduler, 1)
        model.let_go()
        assert await asyncio.gather(first, kept) == [0, 4]
        assert model.batches == [[0], [2]]
        assert lost.cancelled()
        assert scheduler.stats().cancelled == 1


async def test_an_item_cancelled_while_it_runs_disturbs_nobody() -> None:
    async with scheduling() as (scheduler, model):
        first = await _busy(scheduler, model)
        first.cancel()
        (second,) = await _queued(scheduler, 1)
        model.let_go()
        assert await second == 2
        assert first.cancelled()


async def test_past_its_deadline_an_item_is_refused_and_never_runs() -> None:
    now = [100.0]
    async with scheduling(clock=lambda: now[0]) as (scheduler, model):
        first = await _busy(scheduler, model)
        late = await _queued(scheduler, 1, deadline=150.0)
        early = await _queued(scheduler, 2, deadline=500.0)
        now[0] = 200.0
        model.let_go()
        assert await asyncio.gather(first, *early) == [0, 4]
        with pytest.raises(Unavailable):
            await late[0]
        assert model.batches == [[0], [2]]
        assert scheduler.stats().expired == 1


async def test_a_deadline_is_told_while_the_model_is_still_busy() -> None:
    async with scheduling() as (scheduler, model):
        first = await _busy(scheduler, model)
        with pytest.raises(Unavailable):
            await scheduler.submit(1, deadline=0.0)
        model.let_go()
        assert await first == 0


async def test_the_newest_partial_of_a_session_takes_the_place_of_the_older() -> None:
    async with scheduling(max_batch=1) as (scheduler, model):
        first = await _busy(scheduler, model)
        (old,) = await _queued(scheduler, 1, priority=Priority.PARTIAL, key="session")
        (other,) = await _queued(scheduler, 2, priority=Priority.PARTIAL, key="other")
        new = asyncio.create_task(scheduler.submit(3, priority=Priority.PARTIAL, key="session"))
        with pytest.raises(Superseded):
            await old
        model.let_go()
        assert await asyncio.gather(first, other, new) == [0, 4, 6]
        assert model.batches == [[0], [3], [2]]
        assert scheduler.stats().superseded == 1


async def test_a_final_ends_its_sessions_partial_but_not_its_other_finals() -> None:
    async with scheduling() as (scheduler, model):
        first = await _busy(scheduler, model)
        (final,) = await _queued(scheduler, 1, key="session")
        (partial,) = await _queued(scheduler, 2, priority=Priority.PARTIAL, key="session")
        last = asyncio.create_task(scheduler.submit(3, key="session"))
        with pytest.raises(Superseded):
            await partial
        model.let_go()
        assert await asyncio.gather(first, final, last) == [0, 2, 6]


async def test_over_its_limit_the_queue_refuses_and_says_when_to_come_back() -> None:
    now = [0.0]

    def tick(items: list[int]) -> list[int]:
        result = model(items)
        now[0] += 2.0
        return result

    model = Model()
    async with scheduling(run=tick, clock=lambda: now[0], max_queued_s=60, seconds=lambda _: 20.0) as (scheduler, _):
        await scheduler.submit(1)
        await model.begun()
        first = await _busy(scheduler, model)
        queued = await _queued(scheduler, 2, 3, 4)
        with pytest.raises(Overloaded) as refused:
            await scheduler.submit(5)
        assert refused.value.retry_after == pytest.approx(3.0)  # half of 60 s of audio at ten times real time
        assert scheduler.stats().queued_seconds == 60
        model.let_go()
        assert await asyncio.gather(first, *queued) == [0, 4, 6, 8]


async def test_a_final_pushes_out_the_youngest_partial_of_a_full_queue() -> None:
    async with scheduling(max_queued=2) as (scheduler, model):
        first = await _busy(scheduler, model)
        older, younger = await _queued(scheduler, 1, 2, priority=Priority.PARTIAL)
        final = asyncio.create_task(scheduler.submit(3))
        with pytest.raises(Overloaded):
            await younger
        with pytest.raises(Overloaded):
            await scheduler.submit(4, priority=Priority.PARTIAL)
        model.let_go()
        assert await asyncio.gather(first, older, final) == [0, 2, 6]


async def test_closing_lets_the_running_batch_end_and_refuses_the_rest() -> None:
    async with scheduling() as (scheduler, model):
        first = await _busy(scheduler, model)
        (queued,) = await _queued(scheduler, 1)
        closing = asyncio.create_task(scheduler.close())
        with pytest.raises(Unavailable):
            await queued
        with pytest.raises(Unavailable):
            await scheduler.submit(2)
        assert not closing.done()
        model.let_go()
        assert await first == 0
        await closing
        assert model.batches == [[0]]


async def test_as_many_batches_run_beside_each_other_as_there_are_threads() -> None:
    async with scheduling(max_concurrency=2, max_batch=2) as (scheduler, model):
        model.hold()
        tasks = [asyncio.create_task(scheduler.submit(1))]
        assert await model.begun() == [1]
        tasks.append(asyncio.create_task(scheduler.submit(2)))
        assert await model.begun() == [2]
        tasks += await _queued(scheduler, 3, 4, 5)
        assert (scheduler.stats().queued, scheduler.stats().running) == (3, 2)
        model.let_go()
        assert await asyncio.gather(*tasks) == [2, 4, 6, 8, 10]
        assert len(model.threads) == 2
        assert sorted(map(sorted, model.batches)) == [[1], [2], [3, 4], [5]]


async def test_what_comes_together_is_dealt_out_to_all_free_places() -> None:
    async with scheduling(max_concurrency=2, max_batch=8) as (scheduler, model):
        tasks = [asyncio.create_task(scheduler.submit(item)) for item in (1, 2, 3, 4)]
        assert await asyncio.gather(*tasks) == [2, 4, 6, 8]
        assert sorted(model.batches) == [[1, 2], [3, 4]]


async def test_time_in_which_two_batches_run_counts_once_in_the_speed() -> None:
    now = 0.0
    async with scheduling(max_concurrency=2, clock=lambda: now) as (scheduler, model):
        model.hold()
        tasks = [asyncio.create_task(scheduler.submit(1))]
        await model.begun()
        now = 1.0
        tasks.append(asyncio.create_task(scheduler.submit(2)))
        await model.begun()
        now = 5.0
        model.let_go()
        await asyncio.gather(*tasks)
        assert (scheduler.stats().audio_seconds, scheduler.stats().busy_seconds) == (2, 5)


async def test_closing_waits_for_every_batch_that_runs() -> None:
    async with scheduling(max_concurrency=2) as (scheduler, model):
        model.hold()
        tasks = []
        for item in (1, 2):
            tasks.append(asyncio.create_task(scheduler.submit(item)))
            await model.begun()
        closing = asyncio.create_task(scheduler.close())
        await asyncio.sleep(0)
        assert not closing.done()
        model.let_go()
        await closing
        assert [task.result() for task in tasks] == [2, 4]


Step = tuple[str, int]
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["final", "partial", "keyed", "late", "bad", "cancel", "turn", "hold", "go"]), st.integers(0, 5)
    ),
    max_size=40,
)


@settings(max_examples=60, deadline=None)
@given(STEPS, st.integers(1, 4), st.integers(1, 12), st.integers(1, 3))
def test_whatever_happens_everyone_gets_one_answer_and_nothing_stays_behind(
    steps: list[Step], max_batch: int, max_queued: int, max_concurrency: int
) -> None:
    asyncio.run(_play(steps, max_batch, max_queued, max_concurrency))


async def _play(steps: list[Step], max_batch: int, max_queued: int, max_concurrency: int) -> None:
    tasks: list[asyncio.Task[Any]] = []
    unhandled: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: unhandled.append(context))
    async with scheduling(max_batch=max_batch, max_queued=max_queued, max_concurrency=max_concurrency) as (
        scheduler,
        model,
    ):
        submit: dict[str, Callable[[int, int], Any]] = {
            "final": lambda n, _: scheduler.submit(n),
            "partial": lambda n, _: scheduler.submit(n, priority=Priority.PARTIAL),
            "keyed": lambda n, key: scheduler.submit(n, priority=Priority.PARTIAL, key=key),
            "late": lambda n, _: scheduler.submit(n, deadline=0.0),
            "bad": lambda n, _: scheduler.submit(ValueError(str(n))),
        }
        for number, (step, choice) in enumerate(steps, start=1):
            if step in submit:
                tasks.append(asyncio.create_task(submit[step](number, choice), name=str(number)))
            elif step == "cancel" and tasks:
                tasks[choice % len(tasks)].cancel()
            elif step == "turn":
                await asyncio.sleep(0)
            elif step == "hold":
                model.hold()
            elif step == "go":
                model.let_go()
        model.let_go()
        results = await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 30)
    stats = scheduler.stats()
    for task, result in zip(tasks, results, strict=True):
        number = int(task.get_name())
        expected = (asyncio.CancelledError, ValueError, Superseded, Unavailable)
        assert result == 2 * number or isinstance(result, expected)
    ran = [str(item) for batch in model.batches for item in batch]
    assert len(ran) == len(set(ran))
    assert all(len(batch) <= max_batch for batch in model.batches)
    assert (stats.queued, stats.running) == (0, 0)
    outcomes = stats.completed + stats.failed + stats.cancelled + stats.superseded + stats.expired + stats.rejected
    assert outcomes == stats.submitted
    assert not unhandled


async def test_the_figures_of_two_queues_add_up() -> None:
    async with scheduling(max_batch=2) as (one, _), scheduling(max_batch=2) as (other, _):
        await asyncio.gather(one.submit("a"), one.submit("b"), one.submit("c"), other.submit("d"))
        both = one.stats() + other.stats()
        assert (both.submitted, both.completed, both.audio_seconds) == (4, 4, 4)
        assert sum(size * times for size, times in both.batch_sizes) == 4
