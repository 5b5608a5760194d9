"""Backpressure on request bodies, from the application's reading down to the caller's socket.

Serve fetches a request's body from its HTTP server as fast as it comes, into a queue without a bound: a fast
caller and a slow disk put a whole upload into memory. Serve lets a middleware stand between its server and
that queue (`stt_ai.api.proxy.middlewares` are ours). It holds the next piece back while too many bytes wait
unread, so the server stops reading its socket, and TCP stops the caller.
"""

import asyncio
import threading
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
AsgiApp = Callable[[Scope, Receive, Send], Awaitable[None]]

MAX_UNREAD = 8 * 1024 * 1024
_KEY = "stt_ai.unread"


class Unread:
    """Bytes of one request that were received and not yet read. The two sides run in different event loops."""

    def __init__(self, limit: int = MAX_UNREAD) -> None:
        self._limit = limit
        self._bytes = 0
        self._lock = threading.Lock()
        self._loop = asyncio.get_running_loop()
        self._below = asyncio.Event()
        self._below.set()

    def received(self, count: int) -> None:
        with self._lock:
            self._bytes += count
            if self._bytes > self._limit:
                self._below.clear()

    def read(self, count: int) -> None:
        with self._lock:
            was_over = self._bytes > self._limit
            self._bytes -= count
            if was_over and self._bytes <= self._limit:
                self._loop.call_soon_threadsafe(self._below.set)

    async def wait_below_limit(self) -> None:
        await self._below.wait()


class HoldBack:
    """The server's side: no further piece of a body while more than the limit waits unread.

    It does nothing in a process whose app does not count its reads, such as Serve's Python proxy: what is read
    elsewhere would never be known here.
    """

    def __init__(self, app: AsgiApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not CountReads.in_this_process:
            await self._app(scope, receive, send)
            return
        unread = scope[_KEY] = Unread()

        async def receive_when_read() -> Message:
            await unread.wait_below_limit()
            message = await receive()
            unread.received(len(message.get("body", b"")))
            return message

        await self._app(scope, receive_when_read, send)


class CountReads:
    """The application's side: what it takes no longer waits."""

    in_this_process = False

    def __init__(self, app: AsgiApp) -> None:
        self._app = app
        CountReads.in_this_process = True

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        unread: Unread | None = scope.get(_KEY)
        if unread is None:
            await self._app(scope, receive, send)
            return

        async def receive_and_count() -> Message:
            message = await receive()
            unread.read(len(message.get("body", b"")))
            return message

        await self._app(scope, receive_and_count, send)
