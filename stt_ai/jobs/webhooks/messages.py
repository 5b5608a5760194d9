"""What travels between the API, the deliverer and where the database is."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class JobEvent(StrEnum):
    """The types of messages: how a job ended."""

    SUCCEEDED = "job.succeeded"
    FAILED = "job.failed"
    CANCELLED = "job.cancelled"
    EXPIRED = "job.expired"


class DeliveryStatus(StrEnum):
    """`pending`: it is tried, or will be again."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class NewWebhook:
    """Where a job's end is announced. ``secret`` empty: the account's. ``metadata``: JSON, given back as it came."""

    url: str
    secret: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    include_text: bool = False


@dataclass(frozen=True, slots=True)
class Attempt:
    """What came of sending a message once. ``at``: seconds since the epoch. ``status`` None: there was no answer.

    ``error`` is empty where it was delivered. ``retry_after``: seconds that the receiver asked for.
    """

    at: float
    duration_s: float
    status: int | None = None
    error: str = ""
    retry_after: float | None = None

    @property
    def delivered(self) -> bool:
        """Return whether the receiver took it."""
        return self.status is not None and 200 <= self.status < 300

    @property
    def gone(self) -> bool:
        """Return whether the receiver wants nothing more."""
        return self.status == 410


@dataclass(frozen=True, slots=True)
class DeliveryView:
    """A message as the job's owner sees it. ``attempts``: the latest ones, oldest first."""

    id: str
    event: JobEvent
    url: str
    status: DeliveryStatus
    created_at: float
    next_attempt_at: float | None
    ended_at: float | None
    attempts: tuple[Attempt, ...]


@dataclass(frozen=True, slots=True)
class ClaimedDelivery:
    """A message in the hands of a deliverer, to be signed with each of ``secrets``.

    ``message``: JSON, which lacks the text that the caller asked for.
    """

    id: str
    fence: int
    attempt: int
    job_id: str
    url: str
    secrets: tuple[str, ...] = field(repr=False)
    message: str
    include_text: bool


@dataclass(frozen=True, slots=True)
class WebhookSecretView:
    """An account's secret. ``previous_until``: until then messages are signed with the one before, too."""

    secret: str = field(repr=False)
    created_at: float
    previous_until: float | None


WEBHOOK_OPERATIONS = frozenset(
    {"deliveries", "redeliver", "webhook_secret", "rotate_webhook_secret", "claim_delivery", "attempted"}
)
"""What may be asked from another process."""
