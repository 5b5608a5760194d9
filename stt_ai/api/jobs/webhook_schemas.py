"""The shapes of what is sent to webhooks, of its deliveries and of the secrets that sign it."""

from datetime import datetime
from typing import Any

from pydantic import Field

from stt_ai.api.jobs.schemas import JobErrorBody, JobUsageBody
from stt_ai.api.schemas import Shape
from stt_ai.jobs.messages import JobStatus
from stt_ai.jobs.webhooks.messages import DeliveryStatus, JobEvent


class MessageLinksBody(Shape):
    """Where the job and its text are."""

    job: str = Field(examples=["/v1/jobs/job_0pX3kq6d9mB1vR7tY2nC8hLw"])
    result: str | None = Field(description="Where the transcript is; null: there is none.")


class JobMessageBody(Shape):
    """How a job ended."""

    id: str = Field(examples=["job_0pX3kq6d9mB1vR7tY2nC8hLw"])
    status: JobStatus
    created_at: datetime
    ended_at: datetime
    duration: float | None = Field(description="Seconds of audio; null: unknown.")
    model: str | None = Field(description="The model that wrote the transcript.")
    usage: JobUsageBody | None = Field(description="What was charged, where it succeeded.")
    error: JobErrorBody | None
    metadata: dict[str, Any] = Field(description="The metadata that was sent with the job.")
    links: MessageLinksBody = Field(description="Paths, or full URLs where the service knows its public address.")
    text: str | None = Field(None, description="The transcript's text, only where `include_text` asked for it.")


class MessageBody(Shape):
    """What is sent to a webhook."""

    type: JobEvent
    timestamp: datetime = Field(
        description="Time of the event; that of the attempt is in the header `webhook-timestamp`."
    )
    data: JobMessageBody


class AttemptBody(Shape):
    """One attempt to deliver a message."""

    at: datetime
    duration: float = Field(ge=0, description="Seconds.")
    status: int | None = Field(description="The receiver's HTTP status; null: there was no answer.")
    error: str | None = Field(description="Why it failed; null: the message was delivered.")


class DeliveryBody(Shape):
    """A message to a webhook, and the attempts to deliver it."""

    id: str = Field(description="The message's `webhook-id`, the same in all attempts.", examples=["msg_5f2c0d"])
    event: JobEvent
    url: str
    status: DeliveryStatus = Field(description="`pending`: it is being sent, or will be sent again.")
    created_at: datetime
    next_attempt_at: datetime | None = Field(description="null: it is being sent now, or not to be sent again.")
    ended_at: datetime | None
    attempts: list[AttemptBody] = Field(description="At most the latest 20, oldest first.")


class DeliveriesBody(Shape):
    """A job's messages, each with its attempts."""

    deliveries: list[DeliveryBody]


class RotationBody(Shape):
    """The body may be left out."""

    overlap_hours: float = Field(
        24, ge=0, le=720, description="Hours during which messages are signed with the old secret as well."
    )


class WebhookSecretBody(Shape):
    """The secret that signs the messages to webhooks."""

    secret: str = Field(description="Verify messages with it.", examples=["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"])
    created_at: datetime
    previous_until: datetime | None = Field(
        description="Until then messages are also signed with the previous secret; null: they are not."
    )
