"""Counts bytes that were received and not yet read, across two event loops; and the types of ASGI."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
AsgiApp = Callable[[Scope, Receive, Send], Awaitable[None]]


class Unread:
    """Bytes of one connection. One side waits in the event loop that this is made in, the other may be in another."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._bytes = 0
        self._lock = threading.Lock()
        self._loop = asyncio.get_running_loop()
        self._below = asyncio.Event()
        self._below.set()

    @property
    def waiting(self) -> int:
        """Return the bytes that were received and not read yet."""
        return self._bytes

    def received(self, count: int) -> None:
        """Wait for bytes; call it in the event loop of the side that waits."""
        with self._lock:
            self._bytes += count
            if self._bytes > self._limit:
                self._below.clear()

    def read(self, count: int) -> None:
        """Count ``count`` bytes as read, from the application's thread."""
        with self._lock:
            was_over = self._bytes > self._limit
            self._bytes -= count
            if was_over and self._bytes <= self._limit:
                self._loop.call_soon_threadsafe(self._below.set)

    async def wait_below_limit(self) -> None:
        """Return when no more bytes than the limit are unread."""
        await self._below.wait()
