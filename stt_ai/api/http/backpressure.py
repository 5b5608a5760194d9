"""Backpressure on request bodies, from the application's reading down to the caller's socket.

Serve fetches a request's body from its HTTP server as fast as it comes, into a queue without a bound: a fast
caller and a slow disk put a whole upload into memory. Serve lets a middleware stand between its server and
that queue (`stt_ai.api.http.proxy.middlewares` are ours). It holds the next piece back while too many bytes wait
unread, so the server stops reading its socket, and TCP stops the caller.
"""

from stt_ai.api.http.unread import AsgiApp, Message, Receive, Scope, Send, Unread
from stt_ai.api.stream import backpressure as stream_backpressure
from stt_ai.api.stream.protocol import restrain

MAX_UNREAD = 8 * 1024 * 1024
_KEY = "stt_ai.unread"


class HoldBack:
    """The server's side: no further piece of a body while more than the limit waits unread.

    It holds nothing back in a process whose app does not count its reads, such as Serve's Python proxy: what is read
    elsewhere would never be known here.
    """

    def __init__(self, app: AsgiApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            restrain(receive)
        if scope["type"] not in ("http", "websocket") or not CountReads.in_this_process:
            await self._app(scope, receive, send)
            return
        if scope["type"] == "websocket":
            await stream_backpressure.hold_back(self._app, scope, receive, send)
            return
        unread = scope[_KEY] = Unread(MAX_UNREAD)

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
        if scope["type"] == "websocket":
            await stream_backpressure.count(self._app, scope, receive, send)
            return
        unread: Unread | None = scope.get(_KEY)
        if unread is None:
            await self._app(scope, receive, send)
            return

        async def receive_and_count() -> Message:
            message = await receive()
            unread.read(len(message.get("body", b"")))
            return message

        await self._app(scope, receive_and_count, send)
