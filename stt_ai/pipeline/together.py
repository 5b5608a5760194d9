"""Tasks that end together."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


@asynccontextmanager
async def together() -> AsyncIterator[asyncio.TaskGroup]:
    """A task group whose first failure, which cancels the others, is raised as itself, not in a group."""
    try:
        async with asyncio.TaskGroup() as group:
            yield group
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None


async def each(function: Callable[[T], Awaitable[R]], items: Iterable[T], limit: int) -> list[R]:
    """``function`` of every item, at most ``limit`` at once, results in order. The first failure ends it."""
    gate = asyncio.Semaphore(limit)

    async def one(item: T) -> R:
        async with gate:
            return await function(item)

    async with together() as group:
        tasks = [group.create_task(one(item)) for item in items]
    return [task.result() for task in tasks]
