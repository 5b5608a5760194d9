"""A caller's WebSocket, under its limits."""

import asyncio
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from stt_ai.api.http.context import current_record
from stt_ai.api.stream.closing import DONE, close_code, error_message
from stt_ai.api.stream.limits import StreamLimits
from stt_ai.api.stream.messages import encoded
from stt_ai.errors import FrameTooLarge, SlowConsumer, SttError

GOODBYE_S = 2.0
"""A client that does not even read why its stream ends is not waited for."""


class ClientLeft(Exception):
    """The connection is gone, and no message can be sent."""


class StreamSocket:
    """An accepted connection. One task may receive while others send: each message goes out whole."""

    def __init__(self, websocket: WebSocket, limits: StreamLimits) -> None:
        self._websocket = websocket
        self._limits = limits

    async def receive(self) -> str | bytes:
        """Return the next message. Raise `FrameTooLarge` and `ClientLeft`."""
        message = await self._websocket.receive()
        if message["type"] == "websocket.disconnect":
            raise ClientLeft
        data: str | bytes | None = message.get("bytes")
        data = message["text"] if data is None else data
        if len(data) > self._limits.max_frame_bytes:
            raise FrameTooLarge(f"A message may hold {self._limits.max_frame_bytes} bytes. Send smaller pieces.")
        return data

    async def send(self, message: dict[str, Any], within: float | None = None) -> None:
        """Raise `SlowConsumer` when the client does not take it in time, and `ClientLeft`."""
        try:
            async with asyncio.timeout(within or self._limits.slow_client_s):
                await self._websocket.send_text(encoded(message))
        except TimeoutError:
            raise SlowConsumer("The messages are not read fast enough. Connect again and read each at once.") from None
        except (WebSocketDisconnect, RuntimeError, OSError):
            raise ClientLeft from None

    async def refuse(self, error: SttError, **more: Any) -> None:
        """Send the reason, and close."""
        current_record().error = error.code
        await self._end(error_message(error) | more, close_code(error), error.code)

    async def finish(self, message: dict[str, Any]) -> None:
        """Send the last message and close the connection as done."""
        await self._end(message, DONE, "")

    async def _end(self, message: dict[str, Any], code: int, reason: str) -> None:
        if self._websocket.client_state is WebSocketState.DISCONNECTED:
            return
        try:
            async with asyncio.timeout(GOODBYE_S):
                await self.send(message)
                await self._websocket.close(code, reason)
        except (TimeoutError, SttError, ClientLeft, WebSocketDisconnect, RuntimeError, OSError):
            return
