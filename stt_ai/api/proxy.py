"""What a server in front of the app does to every request, before it reads headers that callers must not set."""

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Receive, Scope, Send

from stt_ai.api.context import choose_request_id
from stt_ai.api.flow import HoldBack

# Ray Serve obeys these, whoever sends them: one leaves uploads hanging, the other picks the caller's own time limit.
_INTERNAL = ("x-request-disconnect-disabled", "x-request-timeout-seconds")


class CleanHeaders:
    """Takes away the server's internal headers, and gives every request one well-formed id."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket"):
            request_id = choose_request_id(Headers(scope=scope).get("x-request-id"))
            scope = dict(scope, headers=list(scope["headers"]))
            headers = MutableHeaders(scope=scope)
            for name in _INTERNAL:
                del headers[name]
            headers["x-request-id"] = request_id
        await self.app(scope, receive, send)


def middlewares() -> list[Middleware]:
    """What Serve wraps its HTTP servers in, when `RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH` names this function."""
    return [Middleware(HoldBack), Middleware(CleanHeaders)]
