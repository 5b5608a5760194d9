"""What is asked for with POST /v1/jobs, from a form or a JSON body."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from starlette.requests import Request

from stt_ai.api.account.routes import read_json
from stt_ai.api.admission import Grant, IncomingRequest
from stt_ai.api.billing_admission import bearer_of
from stt_ai.api.http.multipart import IN_PLACE_OF_FILE, UPLOAD_ID, URL
from stt_ai.api.http.query import merged, query_fields
from stt_ai.api.http.receiving import plain_name, receive_form
from stt_ai.api.jobs.schemas import NewJobBody
from stt_ai.api.jobs.services import JobServices
from stt_ai.api.jobs.webhooks import WEBHOOK, checked_webhook, webhook_of
from stt_ai.api.services import Services
from stt_ai.api.transcription.parameters import KNOWN, boolean, parse_parameters
from stt_ai.api.transcription.spelling import field_name, misspelling, unknown_field
from stt_ai.api.transcription.subtitle_parameters import RANGES
from stt_ai.api.transcription.values import quoted
from stt_ai.api.uploads.routes import Owners
from stt_ai.errors import BadParameter
from stt_ai.sources.resumable import ResumableUpload, ResumableUploads
from stt_ai.sources.urls import checked_headers, parse_url
from stt_ai.storage.workspace import working_folder
from stt_ai.types import SummaryStyle, TranscriptionRequest

RETENTION, KEEP_AUDIO, SUMMARY = "retention_hours", "keep_audio", "summary"
OPTIONS = KNOWN - {"response_format", "stream", *RANGES}
"""A result is asked for in any form, and as often as one likes."""


@dataclass(frozen=True, slots=True)
class Submission:
    """``file`` None: the recording lies at ``url``. ``sha256`` stands for either, with an idempotency key.

    ``webhook``: a `NewWebhook` as JSON, empty where there is none. ``summary``: its style, or empty.
    """

    request: TranscriptionRequest
    retention_hours: float | None
    keep_audio: bool
    file: Path | None = None
    filename: str = ""
    url: str = ""
    headers: Mapping[str, str] | None = None
    sha256: str = ""
    webhook: str = ""
    summary: str = ""


@asynccontextmanager
async def from_form(
    services: Services, jobs: JobServices, request: Request, incoming: IncomingRequest, grant: Grant
) -> AsyncIterator[Submission]:
    """Yield the submission of a multipart form; its file is there until the context ends. Raise `BadRequest`s."""
    known = OPTIONS | {RETENTION, KEEP_AUDIO, WEBHOOK, SUMMARY, *RANGES}
    known |= ({URL} if services.fetcher else set()) | ({UPLOAD_ID} if services.uploads else set())
    anonymous = bearer_of(request.headers) is None
    refusal, query_refusal = (partial(one, known=known) for one in (unknown_field, misspelling))
    query = query_fields(request.query_params, known - {*IN_PLACE_OF_FILE, WEBHOOK}, query_refusal)

    def parse(form: Mapping[str, str]) -> Submission:
        fields = merged(query, form)
        webhook = checked_webhook(webhook_of(form.get(WEBHOOK, "")), jobs.webhooks, anonymous=anonymous)
        return replace(_parsed(services, jobs, fields), webhook=webhook)

    reading = receive_form(request, incoming, grant, services.config, known, parse, refusal, services.meters)
    async with reading as form:
        asked = parse(form.fields)
        file, name = None if form.url else form.file.path, plain_name(form.filename)
        if form.upload_id:
            uploads, upload = await _find_upload(services, request, form.upload_id)
            name = (await form.copy(uploads, upload)).filename
        yield replace(asked, file=file, filename=name, url=form.url, sha256=form.sha256)


@asynccontextmanager
async def from_json(services: Services, jobs: JobServices, request: Request) -> AsyncIterator[Submission]:
    """Yield the submission of a JSON body, whose recording is fetched or was uploaded before. Raise `BadRequest`s."""
    body = await read_json(request, NewJobBody, services.config)
    source = body.source
    if bool(source.url) is bool(source.upload_id):
        raise BadParameter("`source` must have either `url` or `upload_id`.", "source")
    if source.upload_id and source.headers:
        raise BadParameter("`source.headers` go with `source.url` only.", "source.headers")
    if source.url and services.fetcher is None:
        raise BadParameter(
            "This service fetches no URLs: leave `source.url` out, and send the recording as a form.", "source.url"
        )
    asked = _parsed(services, jobs, _option_fields(body.options))
    url, headers = source.url, checked_headers(source.headers, "source.headers")
    digest = hashlib.sha256(json.dumps([url or source.upload_id, headers], sort_keys=True).encode()).hexdigest()
    hours = _checked_retention(body.retention_hours, jobs)
    webhook = checked_webhook(body.webhook, jobs.webhooks, anonymous=bearer_of(request.headers) is None)
    summary = "" if body.summary is None else body.summary.style
    made = Submission(asked.request, hours, body.keep_audio, None, "", url, headers, digest, webhook, summary)
    if url:
        parse_url(url, allow_http=True)  # whether http is allowed here is the fetcher's to say
        yield made
        return
    async with _uploaded(services, request, source.upload_id) as (file, name):
        yield replace(made, file=file, filename=name)


def _option_fields(options: Mapping[str, str | int | float | bool | list[str]]) -> dict[str, str]:
    """Return the options of a JSON body as fields of a form. Raise `BadParameter`."""
    fields: dict[str, str] = {}
    for given, value in options.items():
        name = field_name(given, OPTIONS)
        if name not in OPTIONS:
            known = ", ".join(sorted(option.removesuffix("[]") for option in OPTIONS))
            raise BadParameter(f"`options` has {quoted(given)}; it may have {known}.", f"options.{given}")
        if isinstance(value, list) and not name.endswith("[]"):
            raise BadParameter(f"`options.{given}` must not be a list.", f"options.{given}")
        fields[name] = ",".join(value) if isinstance(value, list) else str(value)
    return fields


@asynccontextmanager
async def _uploaded(services: Services, request: Request, upload_id: str) -> AsyncIterator[tuple[Path, str]]:
    """Yield a copy of a complete upload of the caller's account, and its name. Raise as `_find_upload`."""
    uploads, upload = await _find_upload(services, request, upload_id)
    with working_folder(services.config.uploads_dir) as folder:
        path = folder / "audio"
        with path.open("wb") as file:

            async def write(piece: bytes) -> None:
                await asyncio.to_thread(file.write, piece)

            await uploads.copy(upload, write)
        yield path, plain_name(upload.description.filename)


async def _find_upload(
    services: Services, request: Request, upload_id: str
) -> tuple[ResumableUploads, ResumableUpload]:
    """Return a complete upload of the caller's account. Raise `BadParameter`, `NotFound` or `UploadIncomplete`."""
    if services.uploads is None:
        raise BadParameter(
            "This service has no resumable uploads: leave `upload_id` out, and send the recording as a form.", UPLOAD_ID
        )
    owner = await Owners(services.billing, services.config).of(request)
    return services.uploads, await services.uploads.find_complete(owner, upload_id)


def _parsed(services: Services, jobs: JobServices, fields: Mapping[str, str]) -> Submission:
    """Return what the fields say. Raise `BadParameter`."""
    if early := sorted(RANGES & fields.keys()):
        raise BadParameter(f"`{early[0]}` goes with the result: GET /v1/jobs/{{id}}/result?{early[0]}=…", early[0])
    params = parse_parameters(fields, services.catalogue, services.config.default_model)
    hours = fields.get(RETENTION, "").strip()
    try:
        retention = float(hours) if hours else None
    except ValueError:
        raise BadParameter(f"`{RETENTION}` is {quoted(hours)}; it must be a number of hours.", RETENTION) from None
    keep = boolean(KEEP_AUDIO, fields.get(KEEP_AUDIO, "").strip() or "false")
    style = fields.get(SUMMARY, "").strip()
    if style not in ("", *SummaryStyle):
        raise BadParameter(f"`{SUMMARY}` must be one of {', '.join(SummaryStyle)}.", SUMMARY)
    return Submission(params.request, _checked_retention(retention, jobs), keep, summary=style)


def _checked_retention(hours: float | None, jobs: JobServices) -> float | None:
    if hours is not None and not 0 < hours <= jobs.max_retention_hours:
        raise BadParameter(f"`{RETENTION}` must be more than 0 and at most {jobs.max_retention_hours:g}.", RETENTION)
    return hours
