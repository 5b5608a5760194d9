"""What a server in front of the app does to every request, before it reads headers that callers must not set."""

import os
import re

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Receive, Scope, Send

from stt_ai.api.client_address import PEER
from stt_ai.api.context import choose_request_id
from stt_ai.api.flow import HoldBack
from stt_ai.api.http_protocols import install

# Ray Serve obeys these, whoever sends them: one leaves uploads hanging, the other picks the caller's own time limit.
_INTERNAL = ("x-request-disconnect-disabled", "x-request-timeout-seconds")

# Serve writes this variable's lines into HAProxy's `defaults`, and `make serve` puts this option among them.
_DEFAULTS = "RAY_SERVE_HAPROXY_BALANCE_ALGORITHM"
_PEER_OPTION = re.compile(r"^\s*option forwardfor header (\S+)\s*$", re.MULTILINE)


def peer_header() -> str | None:
    """The header in which HAProxy appends the address of its peer, if it is there and was told to.

    Callers may send such a header too, so only the last one counts. They may also go round HAProxy to the port
    of a replica, so its name holds something random.
    """
    if os.environ.get("RAY_SERVE_ENABLE_HA_PROXY") != "1":
        return None
    option = _PEER_OPTION.search(os.environ.get(_DEFAULTS, ""))
    return option[1] if option else None


class CleanHeaders:
    """Takes away the server's internal headers, and gives every request one well-formed id and its true peer."""

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


def middlewares() -> list[Middleware]:
    """Return what Serve wraps its HTTP servers in, and prepare uvicorn for them.

    Serve calls this before it starts one, since `RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH` names it.
    """
    install()
    return [Middleware(HoldBack), Middleware(CleanHeaders, peer_header=peer_header())]
