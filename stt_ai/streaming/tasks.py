"""The tasks of one session, none of which outlives it."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from stt_ai.errors import InternalError, SttError

logger = logging.getLogger(__name__)

T = TypeVar("T")


class Tasks:
    """The tasks of a session. ``failed`` is called with the first failure, and ends the others."""

    def __init__(self, failed: Callable[[SttError], None]) -> None:
        self._failed = failed
        self._running: set[asyncio.Task[Any]] = set()

    def spawn(self, work: Coroutine[Any, Any, T]) -> "asyncio.Task[T]":
        """Start ``work``, and return its task, which is kept until it is done."""
        task = asyncio.get_running_loop().create_task(work)
        self._running.add(task)
        task.add_done_callback(self._done)
        return task

    def cancel(self) -> None:
        """Cancel all tasks, without waiting for their end."""
        for task in self._running:
            task.cancel()

    async def ended(self) -> None:
        """Wait until all tasks have ended."""
        while self._running:
            await asyncio.wait(self._running)

    def _done(self, task: "asyncio.Task[Any]") -> None:
        self._running.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is None:
            return
        if not isinstance(error, SttError):
            logger.error("a live session failed", exc_info=error)
            error = InternalError("The service failed to process this stream.")
        self._failed(error)
