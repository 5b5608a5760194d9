"""The table of transcription jobs."""

from sqlalchemy import Index, UniqueConstraint
from sqlmodel import Field

from stt_ai.jobs.queue import QueuedWork


class Job(QueuedWork, table=True):
    """One recording on its way. JSON stands as text; keys name objects of the store.

    ``anonymous``: whoever knows its id may have it. ``lease``: billing's, of the attempt that runs. ``expires_at``:
    when audio and text are erased. ``leftovers``: the job has ended, and its recording and checkpoint may still lie in
    the store. ``webhook``: a `NewWebhook`, empty where there is none. ``summary``: the style of the one that was asked
    for. ``corrections``: the name of the object with what people corrected in the text, empty where there is none.
    """

    __tablename__ = "job"
    __table_args__ = (
        Index("ix_job_owner_state", "owner", "state"),
        Index("ix_job_state", "state", "not_before"),
        Index("ix_job_listed", "owner", "created_at", "id"),
        Index("ix_job_expiry", "expires_at"),
        UniqueConstraint("owner", "idempotency_key", name="uq_job_idempotency"),
    )

    request_id: str = Field(max_length=128)
    title: str = Field(default="", max_length=255)
    options: str = "{}"
    source: str = "{}"
    speaker_names: str = "{}"
    corrections: str = Field(default="", max_length=64)
    corrected_at: float | None = None
    webhook: str = ""
    summary: str = Field(default="", max_length=16)
    anonymous: bool = False
    keep_audio: bool = False
    leftovers: bool = False
    retention_s: float
    expires_at: float
    idempotency_key: str | None = Field(default=None, max_length=255)
    lease: str = Field(default="", max_length=40)
    stage: str = Field(default="", max_length=20)
    done_s: float = 0.0
    total_s: float = 0.0
    seconds_left: float | None = None
    duration_s: float | None = None
    started_at: float | None = None
    error_code: str = Field(default="", max_length=64)
    error: str = ""
    model: str = Field(default="", max_length=100)
    credits: int | None = None
    summary_error_code: str = Field(default="", max_length=64)
    summary_error: str = ""
