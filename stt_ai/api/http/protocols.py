"""uvicorn's protocols, whose own answers have the form of every other failure. Serve passes no setting on to uvicorn.

They answer what never becomes a request to the app: broken HTTP, unknown methods, broken WebSocket handshakes.
"""

import json
import re
import sys
import uuid
from http import HTTPStatus
from typing import Any

import httptools
from uvicorn.protocols.http import auto as http_auto
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets import auto as websockets_auto
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.datastructures import Headers
from websockets.http11 import Response

from stt_ai.api.http.errors import INTERNAL
from stt_ai.api.http.middleware import EXPOSED, METHODS

_BROKEN = "The request is not valid HTTP/1.1. Let an HTTP client write it, with a path and headers in ASCII."
_UNKNOWN_METHOD = f"Unknown method; the methods are {METHODS}."
_HANDSHAKE = "The WebSocket handshake is not valid: {}"


_METHOD = re.compile(rb"[A-Za-z_-]{1,40} ")


class JsonHttpProtocol(HttpToolsProtocol):
    """uvicorn's HTTP protocol, with JSON for what never reaches the app."""

    _newest = b""

    def data_received(self, data: bytes) -> None:
        """Keep the bytes, as uvicorn does not, to tell an unknown method from broken HTTP."""
        self._newest = data
        super().data_received(data)

    def send_400_response(self, msg: str) -> None:
        """Answer broken HTTP in JSON, unless an answer is being sent, and close the connection."""
        cycle = self.cycle
        if cycle is None or cycle.response_complete or not cycle.response_started:
            unknown = isinstance(sys.exception(), httptools.HttpParserInvalidMethodError) and _METHOD.match(
                self._newest
            )
            self.transport.write(_unknown_method() if unknown else _broken())
        self.transport.close()


class JsonWebSocketProtocol(WebSocketsSansIOProtocol):
    """uvicorn's WebSocket protocol, with refusals as JSON."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        # websockets calls it to refuse a handshake, and uvicorn for an app that failed before it accepted one.
        setattr(self.conn, "reject", _rejection)  # noqa: B010


def install() -> None:
    """Make uvicorn take these for every server of this process that is started from now on."""
    http_auto.AutoHTTPProtocol = JsonHttpProtocol
    websockets_auto.AutoWebSocketsProtocol = JsonWebSocketProtocol


def refusal(code: str, message: str, request_id: str = "", allow: str = "") -> tuple[dict[str, str], bytes]:
    """Return the headers and the body of a failure that never was the app's. Without an id, the request gets one."""
    request_id = request_id or uuid.uuid4().hex
    body = json.dumps({"error": message, "code": code, "request_id": request_id}).encode()
    headers = {
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        "X-Request-ID": request_id,
        "Access-Control-Allow-Origin": "*",
        "Access-Control-Expose-Headers": EXPOSED,
        "Connection": "close",
        **({"Allow": allow} if allow else {}),
    }
    return headers, body


def _broken() -> bytes:
    return _spelled(HTTPStatus.BAD_REQUEST, *refusal("malformed_request", _BROKEN))


def _unknown_method() -> bytes:
    status = HTTPStatus.METHOD_NOT_ALLOWED
    return _spelled(status, *refusal("method_not_allowed", _UNKNOWN_METHOD, allow=METHODS))


def _spelled(status: HTTPStatus, headers: dict[str, str], body: bytes) -> bytes:
    lines = [f"HTTP/1.1 {status} {status.phrase}", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode() + body


def _rejection(status: int, text: str) -> Response:
    """Return what `websockets.server.ServerProtocol.reject` does, in JSON."""
    kind = HTTPStatus(status)
    if kind >= HTTPStatus.INTERNAL_SERVER_ERROR:
        headers, body = refusal(INTERNAL.code, INTERNAL.message)
    else:
        headers, body = refusal("malformed_request", _HANDSHAKE.format(text.strip()))
    return Response(kind.value, kind.phrase, Headers(headers), body)
