"""POST /v1/stream/token: what a page may hold instead of a key."""

from datetime import datetime

from fastapi import APIRouter
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from stt_ai.api.account.routes import KEY, keep_out_of_caches, key_of
from stt_ai.api.openapi import failures
from stt_ai.api.schemas import Shape
from stt_ai.billing.client import BillingClient


class TokenBody(Shape):
    """A token that opens one stream."""

    token: str = Field(description="Good for one stream, as `?token=` in its address. It is shown this once.")
    expires_at: datetime
    expires_in: float = Field(gt=0, description="Seconds in which the stream must begin.")


def token_routes(billing: BillingClient) -> APIRouter:
    """Return the route of POST /v1/stream/token."""
    router = APIRouter()

    @router.post(
        "/v1/stream/token",
        status_code=201,
        summary="Create a token for a stream",
        responses=failures(401, 429, 500, 503),
        dependencies=[KEY],
    )
    async def create_token(request: Request, response: Response) -> TokenBody:
        """For pages, which cannot send your key with a WebSocket and should not have it: your server asks for a token
        and hands it to the page, which connects to `/v1/stream?token=…`. It opens one stream, and is spent then."""
        made = await billing.create_token(key_of(request))
        keep_out_of_caches(response)
        return TokenBody(token=made.secret, expires_at=made.expires_at, expires_in=made.seconds)

    return router
