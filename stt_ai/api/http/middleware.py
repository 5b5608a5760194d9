"""Middleware of every request, plain ASGI so that bodies stream through: ids, one log line, CORS, HEAD, 500."""

import logging
import time
from collections.abc import Mapping

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from stt_ai.api.http.context import RequestRecord, choose_request_id, enter
from stt_ai.api.http.errors import INTERNAL, error_response
from stt_ai.api.http.telemetry import observed, route_of
from stt_ai.meters import NO_METERS, Meters

logger = logging.getLogger(__name__)
access_logger = logging.getLogger("stt_ai.access")

METHODS = "GET, HEAD, POST, PATCH, DELETE, OPTIONS"
EXPOSED = (
    "X-Request-ID, X-STT-Model, X-STT-Demo-Model, X-STT-Warnings, Retry-After, RateLimit-Limit, RateLimit-Remaining, "
    "RateLimit-Reset, Idempotency-Replayed, Location, Tus-Resumable, Tus-Version, Tus-Extension, Tus-Max-Size, "
    "Tus-Checksum-Algorithm, Upload-Offset, Upload-Length, Upload-Expires"
)


class RequestContext:
    """Gives each request its id, and counts it and writes one line about it when it ends. Outermost."""

    def __init__(self, app: ASGIApp, send_request_id: bool = True, meters: Meters = NO_METERS) -> None:
        self.app = app
        self.send_request_id = send_request_id
        self.meters = meters

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        offered = Headers(scope=scope).get("x-request-id")
        record = RequestRecord(choose_request_id(offered), scope["method"], scope["path"])
        enter(record)
        started = time.perf_counter()
        answered = False

        async def count_in() -> Message:
            message = await receive()
            if message["type"] == "http.request":
                record.bytes_in += len(message.get("body", b""))
            elif not answered:
                record.client_closed = True
            return message

        async def count_out(message: Message) -> None:
            nonlocal answered
            if message["type"] == "http.response.start":
                record.status = message["status"]
                if self.send_request_id:
                    MutableHeaders(scope=message)["X-Request-ID"] = record.request_id
            elif message["type"] == "http.response.body":
                record.bytes_out += len(message.get("body", b""))
                answered = not message.get("more_body", False)
            await send(message)

        try:
            with observed(record, scope, self.meters):
                await self.app(scope, count_in, count_out)
        except BaseException:
            # Serve cancels the handler when the client is gone.
            record.client_closed |= not answered
            raise
        finally:
            log_request(record, scope, time.perf_counter() - started)


def log_request(record: RequestRecord, scope: Scope, seconds: float) -> None:
    """One line for one request: no header, query or file name, since those may hold secrets."""
    fields = {
        "method": record.method,
        "route": route_of(scope) or scope["path"][:200],
        "status": record.status,
        "seconds": round(seconds, 4),
        "bytes_in": record.bytes_in,
        "bytes_out": record.bytes_out,
        "audio_seconds": record.audio_seconds,
        "model": record.model,
        "code": record.error,
        "client_closed": record.client_closed or None,
    }
    access_logger.info("request", extra={"fields": {key: value for key, value in fields.items() if value is not None}})


class Cors:
    """Lets pages of any origin call the API. No cookies are used, so no origin gains by it.

    ``options``: path -> headers that OPTIONS answers with there and below, beside the usual ones.
    """

    def __init__(self, app: ASGIApp, options: Mapping[str, Mapping[str, str]] | None = None) -> None:
        self.app = app
        self._more = dict(options or {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_open(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["Access-Control-Allow-Origin"] = "*"
                headers["Access-Control-Expose-Headers"] = EXPOSED
            await send(message)

        if scope["method"] == "OPTIONS":
            root = "/".join(scope["path"].split("/")[:3])
            await _options(Headers(scope=scope), self._more.get(root, {}))(scope, receive, send_open)
        else:
            await self.app(scope, receive, send_open)


def _options(request_headers: Headers, extra: Mapping[str, str]) -> Response:
    headers = {**extra, "Allow": METHODS, "Access-Control-Allow-Methods": METHODS, "Access-Control-Max-Age": "86400"}
    if wanted := request_headers.get("access-control-request-headers"):
        # A wildcard would not cover Authorization.
        headers |= {"Access-Control-Allow-Headers": wanted, "Vary": "Access-Control-Request-Headers"}
    return Response(status_code=204, headers=headers)


class TrailingSlash:
    """Takes an address with a slash at its end for the one without: redirects would lose the bodies of uploads."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket") and _ends_in_one_slash(scope["path"]):
            # In place: what routing adds is read from this scope for the log.
            scope["path"] = scope["path"][:-1]
            scope["raw_path"] = (scope.get("raw_path") or b"").removesuffix(b"/")
        await self.app(scope, receive, send)


def _ends_in_one_slash(path: str) -> bool:
    return len(path) > 1 and path.endswith("/") and not path.endswith("//")


class HeadAsGet:
    """Answers HEAD wherever GET is answered, with the same headers and no body."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self.app(scope, receive, send)
            return

        async def send_headers(message: Message) -> None:
            await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

        # A copy, since the server reads the method too; what routing adds is passed back for the log.
        as_get = dict(scope, method="GET")
        await self.app(as_get, receive, send_headers)
        scope["route"] = as_get.get("route")


class LastResort:
    """Answers 500 for what nobody else caught: the log says what it was, the answer does not."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def watch(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self.app(scope, receive, watch)
        except Exception:
            if scope["type"] != "http" or started:
                raise
            logger.exception("request failed")
            await error_response(INTERNAL)(scope, receive, send)
