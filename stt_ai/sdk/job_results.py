"""The service's answers about jobs as frozen values. Times are seconds."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

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
class Job:
    """``expires_at``: when its audio and text are erased. ``attempt``: how many attempts there were.

    ``progress``: while it runs. ``usage``: what was charged when it succeeded. ``speakers``: the names that were given
    to speakers, such as `{"Speaker 1": "Ada"}`.
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


@dataclass(frozen=True, slots=True)
class JobPage:
    """Newest first. ``next_cursor``: asks for the jobs before these; None: there are none."""

    jobs: tuple[Job, ...] = ()
    next_cursor: str | None = None
