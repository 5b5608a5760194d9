"""The shapes of the jobs' JSON."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from stt_ai.api.schemas import Shape
from stt_ai.jobs.messages import JobStatus

UNSUPPORTED = {
    "webhook": "`webhook` is not supported: ask for the job until it has ended.",
    "summary": "`summary` is not supported: send the job's transcript to POST /v1/summarize.",
}
"""What other services take with a job, and whoever sends it relies on; why it is refused."""


def unsupported(fields: object) -> str:
    """Return the name of a field that is refused, empty where there is none."""
    return next((name for name in UNSUPPORTED if isinstance(fields, Mapping) and name in fields), "")


class SourceBody(Shape):
    """Exactly one of ``url`` and ``upload_id``."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [{"required": ["url"]}, {"required": ["upload_id"]}]})

    url: str = Field("", min_length=1, description="The https address of the recording.")
    upload_id: str = Field("", min_length=1, description="A complete upload of your account (`POST /v1/uploads`).")
    headers: dict[str, str] = Field(default_factory=dict, description="Sent to the address's own host alone.")


class NewJobBody(Shape):
    source: SourceBody
    options: dict[str, str | int | float | bool] = Field(
        default_factory=dict, description="The parameters of POST /v1/transcribe.", examples=[{"language": "es"}]
    )
    retention_hours: float | None = Field(None, gt=0, description="Audio and text are erased so long after the end.")
    keep_audio: bool = Field(False, description="Keep the recording, too, as long as the text.")

    @model_validator(mode="before")
    @classmethod
    def _refuse_unsupported(cls, fields: object) -> object:
        if name := unsupported(fields):
            raise PydanticCustomError("unsupported", "{reason}", {"reason": UNSUPPORTED[name]})
        return fields


class ProgressBody(Shape):
    stage: str = Field(description="`decoding`, `transcribing` or `finishing`.")
    fraction: float = Field(ge=0, le=1, description="Of the speech in the recording, how much has been transcribed.")
    seconds_left: float | None = Field(description="Estimated from the pace so far; null: not known yet.")


class JobErrorBody(Shape):
    error: str = Field(description="One sentence to act on.")
    code: str
    request_id: str


class JobUsageBody(Shape):
    seconds: float = Field(ge=0)
    credits: int = Field(ge=0)


class JobBody(Shape):
    id: str = Field(examples=["job_0pX3kq6d9mB1vR7tY2nC8hLw"])
    status: JobStatus
    title: str = Field(description="The file's name.")
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    expires_at: datetime = Field(
        description="When audio and text are erased, unless the job ends later than this says."
    )
    attempt: int = Field(ge=0, description="How often work on it has begun.")
    duration: float | None = Field(description="Seconds of audio; null: not known yet.")
    model: str | None = Field(description="The model that wrote the transcript.")
    progress: ProgressBody | None = Field(description="While it runs.")
    usage: JobUsageBody | None = Field(description="What was charged: once, when it has succeeded.")
    error: JobErrorBody | None = Field(description="Why it failed, or what the last attempt failed for.")
    speakers: dict[str, str] = Field(description="Names given to speakers: `Speaker 1` and what is shown instead.")


class JobsBody(Shape):
    jobs: list[JobBody]
    next_cursor: str | None = Field(description="Asks for the next page; null: this is the last.")


class SpeakersBody(Shape):
    speakers: dict[str, str] = Field(
        min_length=1,
        max_length=50,
        description="What to show instead of each name; an empty text restores it.",
        examples=[{"Speaker 1": "Ada"}],
    )


EXAMPLE: dict[str, Any] = {
    "source": {"url": "https://example.com/meeting.mp3"},
    "options": {"language": "en", "diarize": True},
    "retention_hours": 24,
}
