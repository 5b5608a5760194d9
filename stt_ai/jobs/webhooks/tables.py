"""The tables of webhooks: messages on their way, and what they are signed with."""

from sqlalchemy import Index
from sqlmodel import Field, SQLModel

from stt_ai.jobs.queue import QueuedWork


class WebhookDelivery(QueuedWork, table=True):
    """One message to one address. ``id`` is its `webhook-id`; ``attempt`` counts from its last redelivery.

    ``secret`` empty: it is signed with the account's. ``message`` and ``attempts`` are JSON.
    """

    __tablename__ = "webhook_delivery"
    __table_args__ = (
        Index("ix_webhook_delivery_owner_state", "owner", "state"),
        Index("ix_webhook_delivery_state", "state", "not_before"),
        Index("ix_webhook_delivery_job", "job_id", "created_at", "id"),
    )

    job_id: str = Field(max_length=40)
    event: str = Field(max_length=32)
    url: str
    secret: str = Field(default="", max_length=100)
    message: str
    include_text: bool = False
    attempts: str = "[]"


class WebhookSecret(SQLModel, table=True):
    """What the messages of one account are signed with, and until when with ``previous``, too."""

    __tablename__ = "webhook_secret"

    owner: str = Field(primary_key=True, max_length=80)
    secret: str = Field(max_length=100)
    created_at: float
    previous: str = Field(default="", max_length=100)
    previous_until: float = 0.0
