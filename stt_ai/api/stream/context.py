"""Middleware of every WebSocket, as `api.http.middleware` is of requests: an id, and one log line at its end."""

import time

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from stt_ai.api.http.context import RequestRecord, choose_request_id, enter
from stt_ai.api.http.middleware import log_request
from stt_ai.api.http.telemetry import observed
from stt_ai.meters import NO_METERS, Meters


class SocketContext:
    """The line's status is the close code, or the refusal's HTTP status. Outermost.

    The server does not add the id by itself, as Ray Serve's does to other answers.
    """

    def __init__(self, app: ASGIApp, meters: Meters = NO_METERS) -> None:
        self.app = app
        self.meters = meters

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "websocket":
            await self.app(scope, receive, send)
            return
        record = RequestRecord(choose_request_id(Headers(scope=scope).get("x-request-id")), "WS")
        enter(record)
        started = time.perf_counter()

        async def count_in() -> Message:
            message = await receive()
            if message["type"] == "websocket.receive":
                record.bytes_in += len(message.get("bytes") or message.get("text") or "")
            elif message["type"] == "websocket.disconnect" and record.status in (0, 101):
                record.client_closed = True
            return message

        async def count_out(message: Message) -> None:
            match message["type"]:
                case "websocket.accept" | "websocket.http.response.start":
                    message = {**message, "headers": list(message.get("headers", ()))}
                    MutableHeaders(scope=message)["X-Request-ID"] = record.request_id
                    record.status = message.get("status", 101)
                case "websocket.close":
                    record.status = message.get("code", 1000)
                case "websocket.send":
                    record.bytes_out += len(message.get("bytes") or message.get("text") or "")
            await send(message)

        try:
            with observed(record, scope, self.meters):
                await self.app(scope, count_in, count_out)
        except BaseException:
            record.client_closed |= record.status in (0, 101)  # Serve cancels the handler when the client is gone
            raise
        finally:
            log_request(record, scope, time.perf_counter() - started)
