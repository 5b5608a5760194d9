"""The loop of whatever takes work out of a queue."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

Work = TypeVar("Work")


async def keep_working(
    claim: Callable[[], Awaitable[Work | None]],
    work_on: Callable[[Work], Any],
    draining: asyncio.Event,
    *,
    max_running: int,
    poll_s: float,
) -> None:
    """Claim and work until ``draining`` is set; then return when all that was begun has ended.

    ``max_running`` pieces of work run at once; a queue in which there was nothing is left alone for ``poll_s`` seconds.
    """
    running: set[asyncio.Task[None]] = set()
    try:
        while not draining.is_set():
            work = await claim() if len(running) < max_running else None
            if work is not None:
                task = asyncio.create_task(work_on(work))
                running.add(task)
                task.add_done_callback(running.discard)
            else:
                await _pause(running, draining, poll_s)
        if running:
            await asyncio.wait(running)
    finally:
        for task in running:
            task.cancel()


async def _pause(running: set[asyncio.Task[None]], draining: asyncio.Event, poll_s: float) -> None:
    """Wait until a piece of work ends, and at most until it is time to look again."""
    waiting = [asyncio.ensure_future(draining.wait()), *running]
    await asyncio.wait(waiting, timeout=poll_s, return_when=asyncio.FIRST_COMPLETED)
    waiting[0].cancel()
