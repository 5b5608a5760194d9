"""The calls of /v1/jobs, and how long to wait between two questions about a job."""

import json
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Required, TypedDict
from urllib.parse import quote

from stt_ai.sdk import calls
from stt_ai.sdk.calls import Call, Format, Style, TranscriptParams
from stt_ai.sdk.errors import JobEnded, from_message
from stt_ai.sdk.job_results import Delivery, Job, JobPage, JobStatus, WebhookSecret
from stt_ai.sdk.results import Transcription, TranscriptText
from stt_ai.sdk.uploads import Upload

MIN_PAUSE_S, MAX_PAUSE_S, GROWTH = 0.5, 10.0, 1.5


OnJob = Callable[[Job], None]


class Webhook(TypedDict, total=False):
    """Where the service sends a signed message when a job has ended; `verify_webhook` checks it.

    ``secret``: `whsec_…`, in place of the account's own. ``metadata`` is sent along; ``include_text``: the text, too.
    """

    url: Required[str]
    secret: str | None
    metadata: Mapping[str, Any]
    include_text: bool


class Correction(TypedDict, total=False):
    """What a segment says, by its ``id`` in the result. What is left out stays; None restores what the model wrote.

    ``text``: all that it says; an empty one removes it. ``speaker``: by the name that the result shows.
    """

    id: Required[int]
    text: str | None
    speaker: str | None


def create(
    file: Upload | None,
    url: str | None,
    upload_id: str | None,
    url_headers: Mapping[str, str] | None,
    retention_hours: float | None,
    keep_audio: bool,
    webhook: Webhook | str | None,
    summary: Style | None,
    params: Mapping[str, Any],
    key: str | None,
) -> Call[Job]:
    """Raise `TypeError` for what is no parameter: the service would not look at it."""
    calls.check_names(params, TranscriptParams)
    key, options = key or calls.new_key(), calls.spelled_form(params)
    if url_headers and url is None:
        raise TypeError("`url_headers` goes with `url`")
    if file is not None:
        spelled = None if webhook is None else json.dumps(_webhook(webhook))
        more: dict[str, Any] = {"keep_audio": keep_audio or None, "retention_hours": retention_hours}
        more |= {"webhook": spelled, "summary": summary}
        form = options | calls.spelled_form(more)
        return Call("POST", "/v1/jobs", calls.one(Job), form=form, file=file, idempotency_key=key)
    body = {
        "source": {"upload_id": upload_id} if url is None else {"url": url, "headers": dict(url_headers or {})},
        "options": options,
        "retention_hours": retention_hours,
        "keep_audio": keep_audio,
        **({} if webhook is None else {"webhook": _webhook(webhook)}),
        **({} if summary is None else {"summary": {"style": summary}}),
    }
    return Call("POST", "/v1/jobs", calls.one(Job), json=body, idempotency_key=key)


def get(job_id: str) -> Call[Job]:
    """Return the call for one job."""
    return Call("GET", _path(job_id), calls.one(Job))


def list_jobs(status: JobStatus | None, cursor: str | None, limit: int) -> Call[JobPage]:
    """Return the call for a page of jobs, newest first."""
    params = {"status": status, "cursor": cursor, "limit": limit}
    return Call("GET", "/v1/jobs", calls.one(JobPage), params=params)


def result(job_id: str, response_format: Format) -> "Call[Transcription | TranscriptText]":
    """Return the call for a job's transcript."""
    params = {"response_format": response_format}
    return Call("GET", _path(job_id, "/result"), calls.transcript_parser(response_format), params=params)


def cancel(job_id: str) -> Call[Job]:
    """Return the call that cancels a job."""
    return Call("POST", _path(job_id, "/cancel"), calls.one(Job), repeatable=True)


def delete(job_id: str) -> Call[None]:
    """Return the call that deletes a job with its audio and text."""
    return Call("DELETE", _path(job_id), lambda response: None)


def rename_speakers(job_id: str, names: Mapping[str, str]) -> Call[Job]:
    """Return the call that gives speakers, such as `Speaker 1`, other names."""
    body = {"speakers": dict(names)}
    return Call("PATCH", _path(job_id, "/speakers"), calls.one(Job), json=body, repeatable=True)


def correct(job_id: str, segments: Iterable[Correction]) -> Call[Job]:
    """Return the call that corrects segments of a transcript."""
    body = {"segments": list(segments)}
    return Call("PATCH", _path(job_id, "/segments"), calls.one(Job), json=body, repeatable=True)


def deliveries(job_id: str) -> Call[tuple[Delivery, ...]]:
    """Return the call for a job's messages to its webhook, each with its attempts."""
    return Call("GET", _path(job_id, "/deliveries"), calls.many(Delivery, "deliveries"))


def redeliver(job_id: str, delivery_id: str) -> Call[Delivery]:
    """Return the call that sends a message to its webhook again."""
    path = _path(job_id, f"/deliveries/{quote(delivery_id, safe='')}/redeliver")
    return Call("POST", path, calls.one(Delivery), repeatable=True)


def webhook_secret() -> Call[WebhookSecret]:
    """Return the call for the account's secret for webhooks."""
    return Call("GET", "/v1/account/webhook-secret", calls.one(WebhookSecret))


def rotate_webhook_secret(overlap_hours: float | None) -> Call[WebhookSecret]:
    """Not to be repeated: the second time would change the new secret."""
    body = {} if overlap_hours is None else {"overlap_hours": overlap_hours}
    return Call("POST", "/v1/account/webhook-secret/rotate", calls.one(WebhookSecret), json=body)


class Polling:
    """Decides what follows each look at a job: another one after a pause that grows, or an end.

    ``timeout``: seconds until `TimeoutError`, None for ever.
    """

    def __init__(self, timeout: float | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._timeout = timeout
        self._end = None if timeout is None else clock() + timeout
        self._pause = MIN_PAUSE_S

    def pause(self, job: Job) -> float | None:
        """Return the seconds until the next look, None when the job has succeeded.

        Raise the job's own error when it failed, `JobEnded` when it was cancelled or has expired, or `TimeoutError`.
        """
        match job.status:
            case "succeeded":
                return None
            case "failed" if job.error is not None:
                data = {"error": job.error.error, "code": job.error.code, "request_id": job.error.request_id}
                raise from_message(data)
            case "queued" | "running":
                return self._next(job)
        raise JobEnded(f"The job {job.id} ended without a transcript: {job.status}.", f"job_{job.status}")

    def _next(self, job: Job) -> float:
        pause, self._pause = self._pause, min(MAX_PAUSE_S, self._pause * GROWTH)
        if self._end is None:
            return pause
        left = self._end - self._clock()
        if left <= 0:
            raise TimeoutError(f"The job {job.id} is {job.status} after {self._timeout:g} seconds.")
        return min(pause, left)


def id_of(thing: Job | Delivery | str) -> str:
    """Return the id of what is given as itself or by its id."""
    return thing if isinstance(thing, str) else thing.id


def _webhook(webhook: Webhook | str) -> Webhook:
    return {"url": webhook} if isinstance(webhook, str) else webhook


def _path(job_id: str, rest: str = "") -> str:
    return f"/v1/jobs/{quote(job_id, safe='')}{rest}"
