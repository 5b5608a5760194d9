"""Backpressure on WebSockets, both ways, through Serve's queues, which have no bounds.

For bodies, see `stt_ai.api.http.backpressure`.

A client that sends faster than it is transcribed is not read from, so that TCP slows it down. What is sent to a
client waits until it reads. Serve's Python proxy holds messages in a process where nobody can know what is read: there,
a client that is far ahead is told so and closed.
"""

import asyncio
from contextlib import suppress

from stt_ai.api.http.unread import AsgiApp, Message, Receive, Scope, Send, Unread
from stt_ai.api.stream.closing import close_code, error_message
from stt_ai.api.stream.messages import encoded
from stt_ai.api.stream.protocol import abort
from stt_ai.errors import TooFast

MAX_UNREAD = 256 * 1024
"""Bytes of audio: eight seconds of 16-bit samples."""
MAX_UNSENT = 256 * 1024
MAX_HOARDED = 32_000_000
MESSAGE_COST = 512
"""What a message takes in a queue besides its bytes: one may be empty, and many of those are as large as audio."""
_KEY = "stt_ai.socket_flow"


class SocketFlow:
    """The backpressure of one connection. Each side is created in the event loop that waits for it."""

    def __init__(self) -> None:
        self.unread = Unread(MAX_UNREAD)
        self.unsent: Unread | None = None


async def hold_back(app: AsgiApp, scope: Scope, receive: Receive, send: Send) -> None:
    """The server's side."""
    flow = scope[_KEY] = SocketFlow()

    async def receive_when_read() -> Message:
        await flow.unread.wait_below_limit()
        message = await receive()
        flow.unread.received(_size(message))
        return message

    async def send_and_count(message: Message) -> None:
        with suppress(OSError):  # the client is gone, which the app learns by itself; Serve would log this as a failure
            await send(message)
        if flow.unsent is not None:
            flow.unsent.read(_size(message))

    try:
        await app(scope, receive_when_read, send_and_count)
    finally:
        if flow.unsent is not None and flow.unsent.waiting:
            abort(receive)


async def count(app: AsgiApp, scope: Scope, receive: Receive, send: Send) -> None:
    """The application's side."""
    flow: SocketFlow | None = scope.get(_KEY)
    if flow is None:
        await _hoarded(app, scope, receive, send)
        return
    unread, unsent = flow.unread, Unread(MAX_UNSENT)
    flow.unsent = unsent

    async def receive_and_count() -> Message:
        message = await receive()
        unread.read(_size(message))
        return message

    async def send_when_taken(message: Message) -> None:
        await unsent.wait_below_limit()
        unsent.received(_size(message))
        await send(message)

    await app(scope, receive_and_count, send_when_taken)


async def _hoarded(app: AsgiApp, scope: Scope, receive: Receive, send: Send) -> None:
    """Look ahead at what the client sends, and close the stream if too much of it waits."""
    waiting: asyncio.Queue[Message] = asyncio.Queue()
    total, closed = 0, False

    async def look_ahead() -> None:
        nonlocal total, closed
        message: Message = {}
        while message.get("type") != "websocket.disconnect":
            message = await receive()
            total += _size(message)
            if total > MAX_HOARDED:
                closed = True
                error = TooFast("The audio arrives much faster than it can be transcribed. Send it more slowly.")
                await send({"type": "websocket.send", "text": encoded(error_message(error))})
                await send({"type": "websocket.close", "code": close_code(error), "reason": error.code})
                message = {"type": "websocket.disconnect", "code": close_code(error)}
            waiting.put_nowait(message)

    async def take() -> Message:
        nonlocal total
        message = await waiting.get()
        total -= _size(message)
        return message

    async def send_while_open(message: Message) -> None:
        if not closed:
            await send(message)

    looking = asyncio.create_task(look_ahead())
    try:
        await app(scope, take, send_while_open)
    finally:
        looking.cancel()


def _size(message: Message) -> int:
    if message["type"] not in ("websocket.receive", "websocket.send"):
        return 0  # the server makes some of these itself: the two sides would not count the same
    return MESSAGE_COST + len(message.get("bytes") or message.get("text") or "")
