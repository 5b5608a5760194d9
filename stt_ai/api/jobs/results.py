"""The result of a job in any form, each made from the one transcript that is kept."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from starlette.responses import Response

from stt_ai.api.jobs.rendering import renamed
from stt_ai.api.openai.rendering import verbose_body
from stt_ai.api.summary.routes import summary_body
from stt_ai.api.transcription.answer_headers import answer_headers
from stt_ai.api.transcription.rendering import rendered, transcript_body, warnings_of
from stt_ai.api.transcription.subtitle_parameters import subtitle_options
from stt_ai.errors import JobNotDone
from stt_ai.jobs import corrections, stored
from stt_ai.jobs.messages import JobStatus, JobView
from stt_ai.storage.store import Store
from stt_ai.types import Summary, Transcript, TranscriptWarning


class ResultFormat(StrEnum):
    """The forms in which a job's result can be had; `verbose_json` is OpenAI's, with segments and words."""

    JSON = "json"
    TXT = "txt"
    SRT = "srt"
    VTT = "vtt"
    VERBOSE_JSON = "verbose_json"


@dataclass(frozen=True, slots=True)
class JobResult:
    """The transcript of ``job`` as people corrected it. ``ids``: the numbers of its segments before any was removed."""

    job: JobView
    transcript: Transcript
    ids: tuple[int, ...]
    summary: Summary | None


async def read_transcript(store: Store, job: JobView) -> Transcript:
    """Return the transcript of a job that has succeeded as the model wrote it. Raise `JobNotDone`."""
    kept = await store.get(stored.key(job.id, stored.RESULT)) if job.status is JobStatus.SUCCEEDED else None
    if kept is None:
        raise JobNotDone(_why_not(job))
    return await asyncio.to_thread(stored.TRANSCRIPT.validate_json, kept)


async def read_result(store: Store, job: JobView) -> JobResult:
    """Return what is kept of a job that has succeeded. Raise `JobNotDone`, or `JobChanged` as `corrections.load`."""
    written = await read_transcript(store, job)
    changes = await corrections.load(store, job)
    found = await asyncio.to_thread(corrections.apply, written, changes)
    wanted = job.summary and not job.summary_error_code
    summary = await store.get(stored.key(job.id, stored.SUMMARY_NAME)) if wanted else None
    transcript = renamed(found.transcript, job.speaker_names)
    return JobResult(job, transcript, found.ids, stored.SUMMARY.validate_json(summary) if summary else None)


def render_result(
    result: JobResult, form: ResultFormat, options: Mapping[str, str], languages: Mapping[str, str]
) -> Response:
    """Return the answer in ``form``. ``options``: how subtitles look. Raise `BadParameter`."""
    subtitles = subtitle_options(options, form)
    job, transcript, warnings = result.job, result.transcript, result.transcript.warnings
    if job.summary_error_code:
        warnings = *warnings, TranscriptWarning("summary_failed", f"There is no summary: {job.summary_error}")
    headers = dict(answer_headers(transcript.model, transcript.demo, warnings))
    if form is ResultFormat.VERBOSE_JSON:
        task = stored.REQUEST.validate_json(job.options).task
        body = verbose_body(transcript, task, languages, words=True, segments=True) | warnings_of(warnings)
    elif form is ResultFormat.JSON:
        body = transcript_body(transcript, job.request_id) | warnings_of(warnings)
        body |= {"summary": summary_body(result.summary) if result.summary else None} if job.summary else {}
    else:
        media_type, content = rendered(transcript, form, job.request_id, subtitles)
        return Response(content.encode(), 200, headers, media_type)
    body["segments"] = [one | {"id": number} for one, number in zip(body["segments"], result.ids, strict=True)]
    return Response(_json(body), 200, headers, "application/json")


def _json(body: dict[str, Any]) -> bytes:
    return json.dumps(body, ensure_ascii=False, allow_nan=False).encode()


def _why_not(job: JobView) -> str:
    match job.status:
        case JobStatus.QUEUED | JobStatus.RUNNING:
            return f"The job is {job.status}. Ask again when it has succeeded."
        case JobStatus.FAILED:
            return f"The job failed: {job.error}"
        case JobStatus.CANCELLED:
            return "The job was cancelled, and there is no transcript."
        case _:
            return f"The job has {job.status}, and there is no transcript."
