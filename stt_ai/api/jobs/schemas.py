"""The shapes of the jobs' JSON."""

from datetime import datetime
from typing import Any

from pydantic import ConfigDict, Field

from stt_ai.api.schemas import SegmentBody, Shape, SummaryBody, TranscriptBody
from stt_ai.jobs.messages import JobStatus
from stt_ai.sources.urls import MAX_URL
from stt_ai.types import SummaryStyle

MAX_METADATA = 2048


class SourceBody(Shape):
    """Exactly one of ``url`` and ``upload_id``."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [{"required": ["url"]}, {"required": ["upload_id"]}]})

    url: str = Field("", min_length=1, description="The https address of the recording.")
    upload_id: str = Field("", min_length=1, description="A complete upload of your account (`POST /v1/uploads`).")
    headers: dict[str, str] = Field(default_factory=dict, description="Sent only to the host of `url`.")


class WebhookBody(Shape):
    """Where to send a message when the job has ended, signed by the Standard Webhooks specification."""

    url: str = Field(
        min_length=1,
        max_length=MAX_URL,
        description="An https address on the public internet. It must answer 2xx within 20 seconds; redirects count as "
        "failures.",
        examples=["https://example.com/hooks/transcripts"],
    )
    secret: str | None = Field(
        None,
        description="`whsec_` and 24 to 64 bytes in base64. Without it your account's own secret signs "
        "(`GET /v1/account/webhook-secret`); callers without an API key must send one.",
    )
    metadata: dict[str, Any] = Field(
        default_factory=dict,
        description=f"Sent along as it is: any JSON object, at most {MAX_METADATA} characters long.",
        examples=[{"order": "1234"}],
    )
    include_text: bool = Field(False, description="Send the transcript's text along, as `data.text`.")


class SummaryRequestBody(Shape):
    """A summary as of POST /v1/summarize. One that fails leaves the transcript as it is: the job succeeds."""

    style: SummaryStyle = SummaryStyle.BRIEF


class NewJobBody(Shape):
    """What is to be transcribed, how, and what follows."""

    source: SourceBody
    options: dict[str, str | int | float | bool | list[str]] = Field(
        default_factory=dict,
        description="The parameters of POST /v1/transcribe; `keywords` is a list.",
        examples=[{"language": "es", "keywords": ["Núñez"]}],
    )
    retention_hours: float | None = Field(
        None, gt=0, description="Hours after the end at which audio and text are erased."
    )
    keep_audio: bool = Field(False, description="Keep the recording as long as the text.")
    webhook: WebhookBody | None = Field(None, description="Where to send a message when the job has ended.")
    summary: SummaryRequestBody | None = Field(None, description="Summarize the transcript, too.")


class ProgressBody(Shape):
    """How far a running job is."""

    stage: str = Field(description="`decoding`, `transcribing`, `finishing` or `summarizing`.")
    fraction: float = Field(ge=0, le=1, description="Share of the recording's speech that has been transcribed.")
    seconds_left: float | None = Field(description="Estimated seconds until the text is complete; null: not known yet.")


class JobErrorBody(Shape):
    """Why a job, or its last attempt, failed."""

    error: str = Field(description="One sentence to act on.")
    code: str
    request_id: str


class JobUsageBody(Shape):
    """Seconds of audio, and the credits or free minutes that they cost."""

    seconds: float = Field(ge=0)
    credits: int = Field(ge=0)


class JobWebhookBody(Shape):
    """The webhook of a job, without its secret."""

    url: str
    metadata: dict[str, Any]


class JobSummaryBody(Shape):
    """The summary that was asked for with a job."""

    style: SummaryStyle
    error: JobErrorBody | None = Field(description="Why there is no summary although the job succeeded.")


class JobBody(Shape):
    """A job, without its text."""

    id: str = Field(examples=["job_0pX3kq6d9mB1vR7tY2nC8hLw"])
    status: JobStatus
    title: str = Field(description="The file's name.")
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    expires_at: datetime = Field(
        description="When audio and text are erased, unless the job ends later than this says."
    )
    attempt: int = Field(ge=0, description="Number of attempts so far.")
    duration: float | None = Field(description="Seconds of audio; null: not known yet.")
    model: str | None = Field(description="The model that wrote the transcript.")
    progress: ProgressBody | None = Field(description="While it runs.")
    usage: JobUsageBody | None = Field(description="What was charged: once, when it has succeeded.")
    error: JobErrorBody | None = Field(description="Why it failed, or why its last attempt did.")
    speakers: dict[str, str] = Field(description="Names given to speakers: `Speaker 1` and what is shown instead.")
    corrected_at: datetime | None = Field(description="When people last corrected its text; null: it is the model's.")
    webhook: JobWebhookBody | None = Field(description="Where a message is sent when it has ended.")
    summary: JobSummaryBody | None = Field(description="The summary that was asked for; its text is in the result.")


class JobSegmentBody(SegmentBody):
    """A segment of a job's transcript."""

    id: int = Field(ge=0, description="Names it to `PATCH /v1/jobs/{id}/segments`, and stays when others are removed.")


class JobResultBody(TranscriptBody):
    """A job's transcript in format `json`."""

    segments: list[JobSegmentBody]  # type: ignore[assignment]
    summary: SummaryBody | None = Field(
        None, description="Present where one was asked for; null where it failed, which is among the `warnings`."
    )


class JobsBody(Shape):
    """A page of jobs, the newest first."""

    jobs: list[JobBody]
    next_cursor: str | None = Field(description="Cursor of the next page; null: this is the last.")


class SpeakersBody(Shape):
    """Names for speakers."""

    speakers: dict[str, str] = Field(
        min_length=1,
        max_length=50,
        description="What to show instead of each name; an empty text restores it.",
        examples=[{"Speaker 1": "Ada"}],
    )


class CorrectionBody(Shape):
    """What is left out stays as it is; null restores what the model wrote."""

    id: int = Field(ge=0, description="The segment's, from the result as `json`.")
    text: str | None = Field(
        None, max_length=2000, description="All that it says. Empty: the segment is removed.", examples=["I saw Zoë."]
    )
    speaker: str | None = Field(
        None, min_length=1, max_length=100, description="Who says it, by the name that the result shows."
    )


class CorrectionsBody(Shape):
    """Corrections of single segments."""

    segments: list[CorrectionBody] = Field(min_length=1, max_length=500)


EXAMPLE: dict[str, Any] = {
    "source": {"url": "https://example.com/meeting.mp3"},
    "options": {"language": "en", "diarize": True},
    "webhook": {"url": "https://example.com/hooks/transcripts", "metadata": {"order": "1234"}},
    "summary": {"style": "brief"},
    "retention_hours": 24,
}
