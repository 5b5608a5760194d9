"""What travels between the API, the runner and where the database is, in a module that brings no database along."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class JobStatus(StrEnum):
    """`queued` and `running` are on their way; the others are ends. `expired`: audio and text are erased."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class Stage(StrEnum):
    """What a running job is at."""

    NONE = ""
    DECODING = "decoding"
    TRANSCRIBING = "transcribing"
    FINISHING = "finishing"
    SUMMARIZING = "summarizing"


@dataclass(frozen=True, slots=True)
class NewJob:
    """A job to be queued. ``id`` is of the caller's own making, unguessable.

    ``options``, ``source`` and ``webhook`` are JSON; no ``webhook``: empty. ``retention_s`` None: the service's own.
    ``summary``: the style of the one that is wanted, empty for none.
    """

    id: str
    request_id: str
    title: str
    options: str
    source: str
    retention_s: float | None = None
    keep_audio: bool = False
    idempotency_key: str | None = None
    webhook: str = ""
    summary: str = ""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a running job is: ``done_s`` of its ``total_s`` seconds of speech have been transcribed.

    ``seconds_left`` of transcribing, at the pace of this attempt; None: not known yet.
    """

    stage: Stage = Stage.NONE
    done_s: float = 0.0
    total_s: float = 0.0
    seconds_left: float | None = None


@dataclass(frozen=True, slots=True)
class JobView:
    """A job as its owner sees it. Times are seconds since the epoch. ``webhook_url`` empty: it has none.

    ``corrections``: the name of the object with what people corrected in the text, empty where there is none.
    ``summary``: its style, empty where none was asked for. ``summary_error`` empty: it did not fail.
    """

    id: str
    status: JobStatus
    request_id: str
    title: str
    options: str
    created_at: float
    started_at: float | None
    ended_at: float | None
    expires_at: float
    attempt: int
    progress: Progress
    duration_s: float | None
    model: str
    credits: int | None
    error_code: str
    error: str
    speaker_names: Mapping[str, str] = field(default_factory=dict)
    corrections: str = ""
    corrected_at: float | None = None
    webhook_url: str = ""
    webhook_metadata: Mapping[str, Any] = field(default_factory=dict)
    summary: str = ""
    summary_error_code: str = ""
    summary_error: str = ""


@dataclass(frozen=True, slots=True)
class JobPage:
    """Newest first. ``next_cursor`` None: there are no more."""

    jobs: tuple[JobView, ...]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class ClaimedJob:
    """A job in the hands of a worker, who names ``fence`` in all that it says of it."""

    id: str
    fence: int
    attempt: int
    options: str
    source: str
    keep_audio: bool
    renew_every_s: float
    summary: str = ""


@dataclass(frozen=True, slots=True)
class NoSummary:
    """Why there is no summary that was asked for: an error's code, and a sentence."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class JobLoad:
    """What is to be done now. ``oldest_s``: how long the oldest queued job has waited that could run by its time.

    ``remaining_s``: of each running job, the seconds of audio that are not transcribed yet, as far as known.
    ``webhooks``: messages that are still to be delivered.
    """

    queued: int
    running: int
    oldest_s: float
    remaining_s: tuple[float, ...]
    webhooks: int


@dataclass(frozen=True, slots=True)
class EndedJob:
    """A job whose recording and checkpoint may still lie in the store."""

    id: str
    keep_audio: bool


JOB_OPERATIONS = frozenset(
    {"create", "get", "list_jobs", "cancel", "erase", "rename_speakers", "correct", "claim", "renew", "reserve"}
    | {"succeed", "fail", "retry", "fetched", "ended", "cleared", "overdue", "erased", "kept", "load"}
)
"""What may be asked from another process."""
