"""Removes headers that callers must not set, before the app reads them."""

from http import HTTPStatus

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from stt_ai.api.http.backpressure import HoldBack
from stt_ai.api.http.client_address import PEER
from stt_ai.api.http.context import choose_request_id
from stt_ai.api.http.errors import INTERNAL
from stt_ai.api.http.protocols import install, refusal
from stt_ai.environment import peer_header

# Ray Serve obeys these headers of any caller: one leaves uploads hanging, the other sets the caller's own time limit.
_INTERNAL = ("x-request-disconnect-disabled", "x-request-timeout-seconds")

_SERVERS_FAILURES = {
    404: ("unavailable", "The service is starting. Try again shortly."),
    408: ("request_timeout", "The request took too long."),
    503: ("unavailable", "The service is not there at the moment. Try again shortly."),
}
"""What Serve's HTTP servers answer in plain text when the app does not."""
_OTHER_FAILURE = (INTERNAL.code, INTERNAL.message)


class CleanHeaders:
    """Takes away the server's internal headers, and gives every request one well-formed id and its true peer.

    HAProxy appends the address of its peer to ``peer_header``. Callers may send such a header too, so only the last one
    counts. They may also go round HAProxy to the port of a replica, so the name holds something random.
    """

    def __init__(self, app: ASGIApp, peer_header: str | None = None) -> None:
        self.app = app
        self.peer_header = peer_header

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket"):
            request_id = choose_request_id(Headers(scope=scope).get("x-request-id"))
            scope = dict(scope, headers=list(scope["headers"]))
            headers = MutableHeaders(scope=scope)
            for name in _INTERNAL:
                del headers[name]
            headers["x-request-id"] = request_id
            if self.peer_header and (seen := headers.getlist(self.peer_header)):
                scope[PEER] = seen[-1]
                del headers[self.peer_header]
        await self.app(scope, receive, send)


class JsonFailures:
    """Turns plain-text errors of the server itself into the app's JSON errors."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        plain: Message | None = None

        async def send_json(message: Message) -> None:
            nonlocal plain
            if message["type"] == "http.response.start" and _is_plain_failure(message):
                plain = message
            elif plain is None:
                await send(message)
            elif not message.get("more_body", False):
                await _send_failure(plain, Headers(scope=scope).get("x-request-id", ""), send)

        await self.app(scope, receive, send_json)


def _is_plain_failure(start: Message) -> bool:
    kind = Headers(raw=list(start.get("headers", ()))).get("content-type", "text/plain")
    return start["status"] >= 400 and kind.startswith("text/plain")


async def _send_failure(start: Message, request_id: str, send: Send) -> None:
    status = HTTPStatus(start["status"])
    code, message = _SERVERS_FAILURES.get(status, _OTHER_FAILURE)
    headers, body = refusal(code, message, request_id)
    if status is HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = Headers(raw=list(start["headers"])).get("retry-after", "5")
    raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body})


def middlewares() -> list[Middleware]:
    """Return what Serve wraps its HTTP servers in, and prepare uvicorn for them.

    Serve calls this before it starts one, since `RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH` names it.
    """
    install()
    return [Middleware(HoldBack), Middleware(JsonFailures), Middleware(CleanHeaders, peer_header=peer_header())]
