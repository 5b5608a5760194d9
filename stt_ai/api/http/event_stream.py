"""Server-sent events, as https://html.spec.whatwg.org/multipage/server-sent-events.html describes them."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

FIRST_S, QUIET_S = 1.0, 0.5
"""Seconds without an event after which a comment is sent: the first begins the answer, so that a failure after it is an
event. A proxy tells that the caller has left only when something is sent, and takes a silent connection for dead."""
HEADERS = {"content-type": "text/event-stream; charset=utf-8", "cache-control": "no-store"}


def format_event(event: str, data: dict[str, Any]) -> str:
    """Return one event as it is sent."""
    return f"event: {event}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n"


class Deferred(Response):
    """Answers only when it is sent, so that a caller's slot is held until the last event has gone out."""

    def __init__(self, serve: Callable[[Send], Awaitable[None]]) -> None:
        super().__init__()
        self._serve = serve

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._serve(send)


class AllSent(Response):
    """Stands for an answer that has gone out already."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        return


class EventStream:
    """One response's events. Its headers, as they are by then, go out with the first one or after `FIRST_S`."""

    def __init__(self, scope: Scope, send: Send, headers: Mapping[str, str]) -> None:
        self._send = send
        self._headers = headers
        self._sending = asyncio.Lock()
        self.started = False

    async def send(self, event: str, data: dict[str, Any]) -> None:
        """Send one event; the response begins with the first."""
        await self._write(format_event(event, data))

    async def fail(self, failure: Response) -> None:
        """The body of the answer that it would have been, as the last event."""
        await self._write(f"event: error\ndata: {bytes(failure.body).decode()}\n\n")
        await self.end()

    async def end(self) -> None:
        """End the response, when no event follows."""
        await self._write("", more=False)

    @asynccontextmanager
    async def kept_alive(self, after: asyncio.Event | None = None) -> AsyncIterator[None]:
        """Not before ``after``: as long as nothing was sent, a failure can have its own status."""
        beating = asyncio.create_task(self._beat(after))
        try:
            yield
        finally:
            beating.cancel()
            await asyncio.gather(beating, return_exceptions=True)

    async def _beat(self, after: asyncio.Event | None) -> None:
        if after is not None:
            await after.wait()
        await asyncio.sleep(FIRST_S)
        while True:
            await self._write(": still at work\n\n")
            await asyncio.sleep(QUIET_S)

    async def _write(self, text: str, more: bool = True) -> None:
        async with self._sending:
            if not self.started:
                self.started = True
                headers = Response(headers={**self._headers, **HEADERS}).raw_headers
                raw = [(name, value) for name, value in headers if name != b"content-length"]
                await self._send({"type": "http.response.start", "status": 200, "headers": raw})
            await self._send({"type": "http.response.body", "body": text.encode(), "more_body": more})
