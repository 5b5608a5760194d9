"""Jobs and their results as the API gives them."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

from stt_ai.api.jobs.schemas import JobBody, JobErrorBody, JobSummaryBody, JobUsageBody, JobWebhookBody, ProgressBody
from stt_ai.jobs.messages import JobStatus, JobView
from stt_ai.types import SummaryStyle, Transcript


def job_body(job: JobView) -> JobBody:
    """Return what its owner sees of a job."""
    usage = JobUsageBody(seconds=round(job.duration_s or 0.0, 2), credits=job.credits or 0)
    error = JobErrorBody(error=job.error, code=job.error_code, request_id=job.request_id)
    return JobBody(
        id=job.id,
        status=job.status,
        title=job.title,
        created_at=moment(job.created_at),
        started_at=None if job.started_at is None else moment(job.started_at),
        ended_at=None if job.ended_at is None else moment(job.ended_at),
        expires_at=moment(job.expires_at),
        attempt=job.attempt,
        duration=None if job.duration_s is None else round(job.duration_s, 2),
        model=job.model or None,
        progress=_progress(job) if job.status is JobStatus.RUNNING else None,
        usage=usage if job.status is JobStatus.SUCCEEDED else None,
        error=error if job.error_code else None,
        speakers=dict(job.speaker_names),
        corrected_at=None if job.corrected_at is None else moment(job.corrected_at),
        summary=_summary(job),
        webhook=JobWebhookBody(url=job.webhook_url, metadata=dict(job.webhook_metadata)) if job.webhook_url else None,
    )


def renamed(transcript: Transcript, names: Mapping[str, str]) -> Transcript:
    """Return ``transcript`` with its speakers as their owner calls them."""
    if not names:
        return transcript

    def shown(speaker: str | None) -> str | None:
        return None if speaker is None else names.get(speaker, speaker)

    segments = tuple(
        replace(
            segment,
            speaker=shown(segment.speaker),
            words=tuple(replace(word, speaker=shown(word.speaker)) for word in segment.words),
        )
        for segment in transcript.segments
    )
    return replace(transcript, segments=segments)


def _summary(job: JobView) -> JobSummaryBody | None:
    if not job.summary:
        return None
    error = JobErrorBody(error=job.summary_error, code=job.summary_error_code, request_id=job.request_id)
    return JobSummaryBody(style=SummaryStyle(job.summary), error=error if job.summary_error_code else None)


def _progress(job: JobView) -> ProgressBody:
    progress, left = job.progress, job.progress.seconds_left
    fraction = min(1.0, progress.done_s / progress.total_s) if progress.total_s else 0.0
    left = None if left is None else round(left, 1)
    return ProgressBody(stage=progress.stage.value, fraction=round(fraction, 4), seconds_left=left)


def moment(seconds: float) -> datetime:
    """Return the time that is ``seconds`` after the epoch."""
    return datetime.fromtimestamp(seconds, UTC)
