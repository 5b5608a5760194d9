"""Answers that leave before the body has arrived, made readable for the client that is still sending it."""

import asyncio

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LINGER_S = 1.0
SHORT_BYTES = 16 * 1024 * 1024
SHORT_LINGER_S = 15.0
"""A machine that refuses because it is busy may take seconds to read what is on its way already."""
IDLE_S = 3.0
"""Of whom nothing came for so long, nothing more is expected."""


class LingeringClose:
    """Closes the connection after an early answer, but not before the client had time to read it.

    Closing with unread bytes makes the kernel reset the connection, and a reset may overtake the answer. So
    the rest of the body is thrown away for a moment before the answer is declared complete: all of a body that says
    that it is short, of another what comes in ``linger`` seconds.
    """

    def __init__(self, app: ASGIApp, linger: float = LINGER_S, short_linger: float = SHORT_LINGER_S) -> None:
        self.app = app
        self.linger = linger
        self.short_linger = short_linger

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not _has_body(headers := Headers(scope=scope)):
            await self.app(scope, receive, send)
            return
        arrived = False
        linger = self.short_linger if _is_short(headers) else self.linger

        async def watch() -> Message:
            nonlocal arrived
            message = await receive()
            arrived = message["type"] != "http.request" or not message.get("more_body", False)
            return message

        async def discard_rest() -> None:
            try:
                async with asyncio.timeout(linger):
                    while not arrived:
                        async with asyncio.timeout(IDLE_S):
                            await watch()
            except TimeoutError:
                pass

        async def answer(message: Message) -> None:
            if not arrived and message["type"] == "http.response.start":
                MutableHeaders(scope=message)["Connection"] = "close"
            if not arrived and message["type"] == "http.response.body" and not message.get("more_body", False):
                await send({**message, "more_body": True})
                await discard_rest()
                message = {"type": "http.response.body", "body": b""}
            await send(message)

        await self.app(scope, watch, answer)


def _has_body(headers: Headers) -> bool:
    return "transfer-encoding" in headers or headers.get("content-length", "0") != "0"


def _is_short(headers: Headers) -> bool:
    length = headers.get("content-length", "")
    return length.isascii() and length.isdigit() and int(length[:20]) <= SHORT_BYTES
