"""/v1/account: signing up, and what a caller may see of its own account. Its keys: `keys.py`."""

from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Query, Security
from fastapi.exceptions import RequestValidationError
from fastapi.security import HTTPBearer
from pydantic import BaseModel, ValidationError
from starlette.requests import Request
from starlette.responses import Response

from stt_ai.accounts import Account, PlanName
from stt_ai.api.account.schemas import (
    AccountBody,
    AllowanceBody,
    CreditsBody,
    DayBody,
    LimitsBody,
    Name,
    NewAccountBody,
    Report,
    RequestBody,
    new_key_body,
)
from stt_ai.api.billing_admission import bearer_of
from stt_ai.api.http.client_address import caller_of
from stt_ai.api.http.content_encoding import decoded
from stt_ai.api.http.receiving import timely_body
from stt_ai.api.openapi import failures, json_body
from stt_ai.api.services import ApiConfig
from stt_ai.billing.client import BillingClient
from stt_ai.errors import MalformedBody, Unauthorized

Body = TypeVar("Body", bound=BaseModel)

MAX_BODY_BYTES = 65_536
KEY = Security(HTTPBearer(scheme_name="ApiKey", description="An API key.", auto_error=False))


def account_routes(billing: BillingClient, config: ApiConfig) -> APIRouter:
    """Return the routes of /v1/account, but for those of its keys."""
    router = APIRouter(prefix="/v1/account")

    @router.post(
        "",
        status_code=201,
        summary="Sign up",
        responses=failures(400, 401, 429, 500, 503),
        openapi_extra=json_body(Name),
    )
    async def sign_up(request: Request, response: Response) -> NewAccountBody:
        """A free account and its first key, which is shown in this answer only.

        Where signing up is closed, ask the service's operators for a key.
        """
        name = (await read_json(request, Name, config)).name
        made = await billing.sign_up(caller_of(request, config.trusted_proxies), name or "account")
        keep_out_of_caches(response)
        return NewAccountBody(**_account(made.account), key=new_key_body(made.key))

    @router.get("", summary="Get your account", responses=failures(401, 500, 503), dependencies=[KEY])
    async def get_account(request: Request) -> AccountBody:
        """The plan, what is used and left of it, and the credits."""
        return AccountBody(**_account(await billing.account(key_of(request))))

    @router.get("/usage", summary="Get your usage", responses=failures(400, 401, 500, 503), dependencies=[KEY])
    async def get_usage(
        request: Request,
        cursor: Annotated[str | None, Query(description="`next_cursor` of the previous page.", max_length=200)] = None,
        limit: Annotated[int, Query(ge=1, le=200, description="Requests per page.")] = 50,
        days: Annotated[int, Query(ge=1, le=366, description="Number of days with sums, up to today.")] = 31,
    ) -> Report:
        """Sums by UTC day, and the single requests by pages; both newest first."""
        key = key_of(request)
        page, daily = await billing.usage(key, cursor, limit), await billing.daily_usage(key, days)
        return Report(
            days=[DayBody(date=d.day, requests=d.requests, seconds=d.seconds, credits=d.credits) for d in daily],
            requests=[
                RequestBody(request_id=i.request_id, kind=i.kind, at=i.at, seconds=i.seconds, credits=i.credits)
                for i in page.items
            ],
            next_cursor=page.next_cursor,
        )

    return router


def key_of(request: Request) -> str:
    """Return the caller's key. Raise `Unauthorized` without one."""
    key = bearer_of(request.headers)
    if key is None:
        raise Unauthorized("This needs an API key: send the header `Authorization: Bearer YOUR_API_KEY`.")
    return key


async def read_json(request: Request, shape: type[Body], config: ApiConfig) -> Body:
    """Return the body as ``shape``; an empty one is an empty object. Raise `BadRequest`s, read or unread."""
    data = bytearray()
    pieces = timely_body(request, config.upload_idle_timeout, config.min_upload_rate)
    async for piece in decoded(pieces, request.headers.get("content-encoding")):
        data += piece
        if len(data) > MAX_BODY_BYTES:
            raise MalformedBody(f"The body is larger than the {MAX_BODY_BYTES} bytes that this takes.")
    try:
        return shape.model_validate_json(bytes(data) or b"{}")
    except ValidationError as error:
        raise RequestValidationError(error.errors()) from error


def keep_out_of_caches(response: Response) -> None:
    """Tell caches not to store the answer, which holds a secret."""
    response.headers["Cache-Control"] = "no-store"


def _account(account: Account) -> dict[str, Any]:
    allowance = account.allowance
    return {
        "id": account.id,
        "name": account.name,
        "plan": account.plan,
        "created_at": account.created_at,
        "credits": CreditsBody(available=account.credits, reserved=account.reserved),
        "allowance": AllowanceBody(
            unit="credits" if account.plan is PlanName.PAID else "minutes",
            limit=allowance.limit,
            used=max(0, allowance.limit - allowance.remaining),
            remaining=max(0, allowance.remaining),
            resets_in_s=allowance.reset_s,
        ),
        "limits": LimitsBody(max_file_bytes=account.max_file_bytes, at_once=account.at_once, running=account.running),
    }
