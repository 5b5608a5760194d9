"""/v1/account/keys: the API keys of the caller's account."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from stt_ai.api.account.routes import KEY, keep_out_of_caches, key_of, read_json
from stt_ai.api.account.schemas import KeyBody, KeysBody, Name, NewKeyBody, key_body, new_key_body
from stt_ai.api.openapi import failures, json_body
from stt_ai.api.services import ApiConfig
from stt_ai.billing.client import BillingClient


def key_routes(billing: BillingClient, config: ApiConfig) -> APIRouter:
    """Return the routes of /v1/account/keys."""
    router = APIRouter(prefix="/v1/account/keys")

    @router.post(
        "",
        status_code=201,
        summary="Create a key",
        responses=failures(400, 401, 500, 503),
        openapi_extra=json_body(Name),
        dependencies=[KEY],
    )
    async def create_key(request: Request, response: Response) -> NewKeyBody:
        """Another key for your account. It is shown in this answer only."""
        key = key_of(request)
        name = (await read_json(request, Name, config)).name
        keep_out_of_caches(response)
        return new_key_body(await billing.create_key(key, name or "key"))

    @router.get("", summary="List keys", responses=failures(401, 500, 503), dependencies=[KEY])
    async def list_keys(request: Request) -> KeysBody:
        """All keys of your account, revoked ones too, oldest first."""
        return KeysBody(keys=[key_body(key) for key in await billing.list_keys(key_of(request))])

    @router.delete("/{key_id}", summary="Revoke a key", responses=failures(401, 404, 500, 503), dependencies=[KEY])
    async def revoke_key(request: Request, key_id: str) -> KeyBody:
        """The key is refused from now on, even if it is the one you send."""
        return key_body(await billing.revoke_key(key_of(request), key_id))

    return router
