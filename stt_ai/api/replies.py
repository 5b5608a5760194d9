"""The end of every request that was admitted, or refused: its answer, with the headers of the caller's allowance."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Send

from stt_ai.accounts import StoredResponse
from stt_ai.api.admission import Grant


async def send_reply(request: Request, send: Send, response: Response, grant: Grant | None) -> None:
    """Send ``response``. ``grant`` None: the caller was not admitted."""
    if grant is not None:
        response.headers.update(grant.headers)
    await response(request.scope, request.receive, send)


def stored_reply(stored: StoredResponse) -> Response:
    """Return the response that was charged and may be stored."""
    return Response(stored.body, stored.status, dict(stored.headers))


def replayed(stored: StoredResponse) -> Response:
    """Return the response that the same request got before under its idempotency key."""
    return Response(stored.body, stored.status, {**dict(stored.headers), "Idempotency-Replayed": "true"})
