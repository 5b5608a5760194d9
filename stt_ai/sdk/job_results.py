"""The service's answers about jobs as frozen values. Times are seconds."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from stt_ai.sdk.results import Charge

JobStatus = Literal["queued", "running", "succeeded", "failed", "cancelled", "expired"]


@dataclass(frozen=True, slots=True)
class JobProgress:
    """``fraction``: of the speech, how much has been transcribed. ``seconds_left`` None: not known yet."""

    stage: str = ""
    fraction: float = 0.0
    seconds_left: float | None = None


@dataclass(frozen=True, slots=True)
class JobError:
    """Why a job failed, or what its last attempt failed for: ``error`` is a sentence, ``code`` is for programs."""

    error: str
    code: str = ""
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class JobSummary:
    """The summary that a job was asked for, which stands in its result. ``error``: why there is none."""

    style: str
    error: JobError | None = None


@dataclass(frozen=True, slots=True)
class JobWebhook:
    """Where a message is sent when the job has ended, and what is sent along."""

    url: str
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DeliveryAttempt:
    """``duration``: seconds. ``status``: the receiver's, None where it did not answer. ``error`` None: delivered."""

    at: datetime
    duration: float = 0.0
    status: int | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message about a job. ``id``: its `webhook-id`. ``next_attempt_at`` None: now, or not to be sent again."""

    id: str
    event: str
    url: str
    status: Literal["pending", "delivered", "failed"]
    created_at: datetime
    next_attempt_at: datetime | None = None
    ended_at: datetime | None = None
    attempts: tuple[DeliveryAttempt, ...] = ()


@dataclass(frozen=True, slots=True)
class WebhookSecret:
    """What signs an account's webhooks. ``previous_until``: until then the secret before it signs them, too."""

    secret: str = field(repr=False)
    created_at: datetime
    previous_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """``expires_at``: when its audio and text are erased. ``attempt``: how many attempts there were.

    ``progress``: while it runs. ``usage``: what was charged when it succeeded. ``speakers``: the names that were given
    to speakers, such as `{"Speaker 1": "Ada"}`. ``corrected_at``: when people last corrected its text.
    """

    id: str
    status: JobStatus
    created_at: datetime
    title: str = ""
    started_at: datetime | None = None
    ended_at: datetime | None = None
    expires_at: datetime | None = None
    attempt: int = 0
    duration: float | None = None
    model: str | None = None
    progress: JobProgress | None = None
    usage: Charge | None = None
    error: JobError | None = None
    speakers: Mapping[str, str] = field(default_factory=dict)
    corrected_at: datetime | None = None
    summary: JobSummary | None = None
    webhook: JobWebhook | None = None


@dataclass(frozen=True, slots=True)
class JobPage:
    """Newest first. ``next_cursor``: asks for the jobs before these; None: there are none."""

    jobs: tuple[Job, ...] = ()
    next_cursor: str | None = None
