"""The webhooks of jobs: what a caller may ask for, the messages' deliveries, and the secrets that sign them."""

import json
from dataclasses import asdict
from ipaddress import ip_address
from typing import Annotated, Any

from fastapi import APIRouter, Header
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import Response

from stt_ai.api.account.routes import KEY, keep_out_of_caches, key_of, read_json
from stt_ai.api.billing_admission import bearer_of
from stt_ai.api.jobs.rendering import moment
from stt_ai.api.jobs.schemas import MAX_METADATA, WebhookBody
from stt_ai.api.jobs.services import JobServices
from stt_ai.api.jobs.webhook_schemas import (
    AttemptBody,
    DeliveriesBody,
    DeliveryBody,
    MessageBody,
    RotationBody,
    WebhookSecretBody,
)
from stt_ai.api.openapi import failures, json_body
from stt_ai.api.services import ApiConfig
from stt_ai.errors import BadParameter, SourceForbidden
from stt_ai.jobs.webhooks.messages import DeliveryView, NewWebhook, WebhookSecretView
from stt_ai.jobs.webhooks.signing import checked_secret
from stt_ai.sources.addresses import AddressPolicy
from stt_ai.sources.network import NOT_PUBLIC
from stt_ai.sources.urls import parse_url

WEBHOOK = "webhook"


def webhook_of(field: str) -> WebhookBody | None:
    """Return what a form's field of JSON holds. Raise `BadParameter`."""
    if not field.strip():
        return None
    try:
        return WebhookBody.model_validate_json(field)
    except ValidationError as error:
        if error.errors()[0]["type"] == "json_invalid":
            raise BadParameter('`webhook` must be a JSON object: {"url": "https://…"}.', WEBHOOK) from None
        wrong = [one | {"loc": ("body", WEBHOOK, *one["loc"])} for one in error.errors()]
        raise RequestValidationError(wrong) from error


def checked_webhook(body: WebhookBody | None, policy: AddressPolicy | None, *, anonymous: bool) -> str:
    """Return the `NewWebhook` as JSON, empty where there is none. Raise `BadParameter` or `SourceForbidden`.

    What a host's name stands for is looked up, and judged, each time that a message is sent.
    """
    if body is None:
        return ""
    if policy is None:
        raise BadParameter(
            "This service sends no webhooks: leave `webhook` out, and poll the job until it has ended.", WEBHOOK
        )
    url = parse_url(body.url, policy.allow_http)
    if _is_address(url.host) and not policy.permits(url.host):
        raise SourceForbidden(NOT_PUBLIC)
    if body.secret is None and anonymous:
        raise BadParameter("Without an API key `webhook` needs a `secret`, to sign with.", "webhook.secret")
    _check_metadata(body.metadata)
    secret = checked_secret(body.secret, "webhook.secret") if body.secret is not None else ""
    return json.dumps(asdict(NewWebhook(str(url), secret, body.metadata, body.include_text)))


def delivery_routes(jobs: JobServices) -> APIRouter:
    """Return the routes of a job's deliveries."""
    router = APIRouter(prefix="/{job_id}/deliveries")
    client = jobs.client.webhooks

    @router.get("", summary="List a job's webhooks", responses=failures(401, 404, 500, 503))
    async def list_deliveries(request: Request, job_id: str) -> DeliveriesBody:
        """The messages that were sent about a job, or will be, with their attempts."""
        found = await client.deliveries(bearer_of(request.headers), job_id)
        return DeliveriesBody(deliveries=[_delivery(one) for one in found])

    @router.post(
        "/{delivery_id}/redeliver",
        status_code=202,
        summary="Send a webhook again",
        responses=failures(401, 404, 429, 500, 503),
    )
    async def redeliver(request: Request, job_id: str, delivery_id: str) -> DeliveryBody:
        """Send the same message now, under the same `webhook-id`; where that fails, by the schedule from its start."""
        return _delivery(await client.redeliver(bearer_of(request.headers), job_id, delivery_id))

    return router


def describe_messages(webhooks: APIRouter) -> None:
    """Add what is sent to callers to the schema."""

    @webhooks.post(
        "job_ended",
        operation_id="job_ended",
        summary="A job has ended",
        status_code=204,
        responses={"4XX": {"description": "Not accepted: it is sent again later, except after 410."}},
    )
    def job_ended(
        body: MessageBody,
        webhook_id: Annotated[
            str, Header(description="The same in all attempts: ignore a message whose id you have seen.")
        ],
        webhook_timestamp: Annotated[int, Header(description="Of this attempt, in seconds since the epoch.")],
        webhook_signature: Annotated[
            str,
            Header(
                description="`v1,` and the HMAC-SHA-256 of `{webhook-id}.{webhook-timestamp}.{body}` in base64; two, "
                "separated by a space, while a secret is being changed."
            ),
        ],
    ) -> None:
        """Sent to a job's `webhook` by the Standard Webhooks specification, whose libraries check the signature.

        Any 2xx within 20 seconds takes the message. Otherwise it is sent again after 5 seconds, 5 and 30 minutes, and
        2, 5, 10, 14, 20 and 24 hours, each up to a tenth longer, or later where the answer has `Retry-After`; 410 ends
        it. A message may come twice, and messages in any order.
        """


def webhook_secret_routes(jobs: JobServices, config: ApiConfig) -> APIRouter:
    """Return the routes of the secret that signs an account's webhooks."""
    router = APIRouter(prefix="/v1/account/webhook-secret")
    client = jobs.client.webhooks

    @router.get("", summary="Get the webhook secret", responses=failures(401, 500, 503), dependencies=[KEY])
    async def get_webhook_secret(request: Request, response: Response) -> WebhookSecretBody:
        """The secret that signs the messages about your jobs; created when it is first requested."""
        keep_out_of_caches(response)
        return _secret(await client.secret(key_of(request)))

    @router.post(
        "/rotate",
        summary="Rotate the webhook secret",
        responses=failures(400, 401, 500, 503),
        openapi_extra=json_body(RotationBody),
        dependencies=[KEY],
    )
    async def rotate_webhook_secret(request: Request, response: Response) -> WebhookSecretBody:
        """A new secret. For some time messages carry two signatures, one by each, so that none is refused."""
        key = key_of(request)
        body = await read_json(request, RotationBody, config)
        keep_out_of_caches(response)
        return _secret(await client.rotate_secret(key, 3600 * body.overlap_hours))

    return router


def _check_metadata(metadata: dict[str, Any]) -> None:
    try:
        size = len(json.dumps(metadata, ensure_ascii=False, allow_nan=False))
    except ValueError:
        raise BadParameter("`webhook.metadata` holds a number that JSON does not have.", "webhook.metadata") from None
    if size > MAX_METADATA:
        raise BadParameter(f"`webhook.metadata` is longer than {MAX_METADATA} characters.", "webhook.metadata")


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _delivery(found: DeliveryView) -> DeliveryBody:
    return DeliveryBody(
        id=found.id,
        event=found.event,
        url=found.url,
        status=found.status,
        created_at=moment(found.created_at),
        next_attempt_at=None if found.next_attempt_at is None else moment(found.next_attempt_at),
        ended_at=None if found.ended_at is None else moment(found.ended_at),
        attempts=[
            AttemptBody(at=moment(one.at), duration=one.duration_s, status=one.status, error=one.error or None)
            for one in found.attempts
        ],
    )


def _secret(found: WebhookSecretView) -> WebhookSecretBody:
    until = found.previous_until
    return WebhookSecretBody(
        secret=found.secret,
        created_at=moment(found.created_at),
        previous_until=None if until is None else moment(until),
    )
