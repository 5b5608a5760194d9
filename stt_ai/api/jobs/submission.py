"""POST /v1/jobs: from a request's headers to a queued job."""

import hashlib
import json
import secrets
from dataclasses import asdict, replace

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Send

from stt_ai.accounts import StoredResponse, WorkKind
from stt_ai.api.admission import Admission, Grant, IncomingRequest
from stt_ai.api.http.context import current_request_id
from stt_ai.api.http.errors import failure_response
from stt_ai.api.jobs.rendering import job_body
from stt_ai.api.jobs.services import JobServices
from stt_ai.api.jobs.submitted import Submission, from_form, from_json
from stt_ai.api.replies import replayed, send_reply, stored_reply
from stt_ai.api.services import Services
from stt_ai.errors import SttError
from stt_ai.jobs import stored
from stt_ai.jobs.messages import NewJob


async def submit(services: Services, jobs: JobServices, admission: Admission, request: Request, send: Send) -> None:
    """Serve one request, from its headers to its answer."""
    incoming = IncomingRequest.of(request, services.config.trusted_proxies, WorkKind.SUBMISSION)
    grant: Grant | None = None
    try:
        async with admission.admit(incoming) as grant:
            is_json = request.headers.get("content-type", "").split(";")[0].strip().lower() == "application/json"
            reading = (
                from_json(services, jobs, request) if is_json else from_form(services, jobs, request, incoming, grant)
            )
            async with reading as submission:
                response = await _queue(services, jobs, grant, submission)
    except SttError as error:
        response = failure_response(error)
    await send_reply(request, send, response, grant)


async def _queue(services: Services, jobs: JobServices, grant: Grant, submission: Submission) -> Response:
    if found := await grant.claim(_fingerprint(submission)):
        return replayed(found)
    job_id = stored.PREFIX + secrets.token_urlsafe(18).replace("-", "0").replace("_", "1")
    source = {
        "filename": submission.filename,
        "url": submission.url,
        "headers": dict(submission.headers or {}),
        "max_bytes": grant.max_file_bytes,
    }
    new = NewJob(
        id=job_id,
        request_id=current_request_id(),
        title=submission.filename,
        options=stored.REQUEST.dump_json(submission.request).decode(),
        source=json.dumps(source),
        retention_s=None if submission.retention_hours is None else 3600 * submission.retention_hours,
        keep_audio=submission.keep_audio,
        idempotency_key=grant.idempotency_key,
        webhook=submission.webhook,
        summary=submission.summary,
    )
    if submission.file is not None:
        await jobs.store.put_file(stored.key(job_id, stored.AUDIO), submission.file)
    try:
        job = await jobs.client.create(grant.lease, new)
    except SttError:
        await jobs.store.delete_group(job_id)
        raise
    if job.id != job_id:  # the same request was queued before, and its answer was lost
        await jobs.store.delete_group(job_id)
    headers = (("content-type", "application/json"), ("location", f"/v1/jobs/{job.id}"))
    answer = StoredResponse(202, headers, job_body(job).model_dump_json().encode())
    await grant.settle(0, answer)
    return stored_reply(answer)


def _fingerprint(submission: Submission) -> str:
    asked = asdict(replace(submission, file=None, filename=""))
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()
