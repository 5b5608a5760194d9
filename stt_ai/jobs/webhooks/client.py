"""Webhooks as the API and the deliverer see them, over whatever carries an operation to where the database is."""

from stt_ai.billing.client import Carrier
from stt_ai.jobs.webhooks import signing
from stt_ai.jobs.webhooks.messages import Attempt, ClaimedDelivery, DeliveryView, WebhookSecretView


class WebhooksClient:
    """`WebhookService`'s operations. Every call may be made again."""

    def __init__(self, carry: Carrier) -> None:
        self._carry = carry

    async def deliveries(self, credential: str | None, job_id: str) -> tuple[DeliveryView, ...]:
        """As `WebhookService.deliveries`."""
        found: tuple[DeliveryView, ...] = await self._carry("deliveries", credential, job_id)
        return found

    async def redeliver(self, credential: str | None, job_id: str, delivery_id: str) -> DeliveryView:
        """As `WebhookService.redeliver`."""
        delivery: DeliveryView = await self._carry("redeliver", credential, job_id, delivery_id)
        return delivery

    async def secret(self, credential: str) -> WebhookSecretView:
        """As `WebhookService.webhook_secret`."""
        secret: WebhookSecretView = await self._carry("webhook_secret", credential)
        return secret

    async def rotate_secret(self, credential: str, overlap_s: float) -> WebhookSecretView:
        """As `WebhookService.rotate_webhook_secret`, with a new secret."""
        made = signing.new_secret()
        secret: WebhookSecretView = await self._carry("rotate_webhook_secret", credential, made, overlap_s)
        return secret

    async def claim(self) -> ClaimedDelivery | None:
        """As `WebhookService.claim_delivery`."""
        delivery: ClaimedDelivery | None = await self._carry("claim_delivery")
        return delivery

    async def attempted(self, delivery: ClaimedDelivery, attempt: Attempt) -> None:
        """As `WebhookService.attempted`, under the claim's fence."""
        await self._carry("attempted", delivery.id, delivery.fence, attempt)
