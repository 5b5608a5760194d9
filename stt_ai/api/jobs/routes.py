"""The routes of /v1/jobs."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from stt_ai.api.account.routes import KEY, key_of, read_json
from stt_ai.api.admission import Admission
from stt_ai.api.billing_admission import bearer_of
from stt_ai.api.http.event_stream import Deferred
from stt_ai.api.jobs.docs import submission_form, submission_responses
from stt_ai.api.jobs.rendering import job_body, renamed
from stt_ai.api.jobs.schemas import JobBody, JobsBody, SpeakersBody
from stt_ai.api.jobs.services import JobServices
from stt_ai.api.jobs.submission import submit
from stt_ai.api.jobs.webhooks import delivery_routes
from stt_ai.api.openapi import failures, json_body, transcript_responses
from stt_ai.api.services import Services
from stt_ai.api.transcription.answer_headers import answer_headers
from stt_ai.api.transcription.parameters import ResponseFormat
from stt_ai.api.transcription.rendering import rendered
from stt_ai.errors import JobNotDone
from stt_ai.jobs import stored
from stt_ai.jobs.messages import JobStatus, JobView


def job_routes(services: Services, jobs: JobServices, admission: Admission) -> APIRouter:
    router = APIRouter(prefix="/v1/jobs")
    client, config = jobs.client, services.config

    @router.post(
        "",
        summary="Queue a recording",
        response_class=Response,
        status_code=202,
        responses=submission_responses(),
        openapi_extra=submission_form(
            services.catalogue,
            config.default_model,
            urls=services.fetcher is not None,
            uploads=services.uploads is not None,
        ),
    )
    async def create_job(request: Request) -> Response:
        """Send a recording as to `POST /v1/transcribe`, or JSON that names its address or upload. Get a job at once.

        The transcript is fetched later with the job's id. A job is charged once, when it succeeds. Without a key,
        whoever knows the id of a job may see, cancel and erase it: keep it to yourself.
        """
        return Deferred(lambda send: submit(services, jobs, admission, request, send))

    @router.get("", summary="Your jobs", responses=failures(400, 401, 500, 503), dependencies=[KEY])
    async def list_jobs(
        request: Request,
        status: Annotated[JobStatus | None, Query(description="Only jobs of this status.")] = None,
        cursor: Annotated[str | None, Query(description="`next_cursor` of the page before.", max_length=200)] = None,
        limit: Annotated[int, Query(ge=1, le=200, description="Jobs a page.")] = 50,
    ) -> JobsBody:
        """The jobs of your account, newest first."""
        page = await client.list_jobs(key_of(request), status, cursor, limit)
        return JobsBody(jobs=[job_body(job) for job in page.jobs], next_cursor=page.next_cursor)

    @router.get("/{job_id}", summary="A job", responses=failures(401, 404, 500, 503), dependencies=[KEY])
    async def get_job(request: Request, job_id: str) -> JobBody:
        """How far it is, or how it ended."""
        return job_body(await client.get(bearer_of(request.headers), job_id))

    @router.get(
        "/{job_id}/result",
        summary="A job's transcript",
        response_class=Response,
        responses=transcript_responses(statuses=(400, 401, 404, 409, 500, 503)),
        dependencies=[KEY],
    )
    async def get_job_result(
        request: Request,
        job_id: str,
        response_format: Annotated[ResponseFormat, Query(description="Form of the answer.")] = ResponseFormat.JSON,
    ) -> Response:
        """The transcript in any form, any number of times, until the job expires."""
        job = await client.get(bearer_of(request.headers), job_id)
        kept = await jobs.store.get(stored.key(job_id, stored.RESULT)) if job.status is JobStatus.SUCCEEDED else None
        if kept is None:
            raise JobNotDone(_why_not(job))
        return await asyncio.to_thread(_result, job, kept, response_format)

    @router.post(
        "/{job_id}/cancel", summary="Cancel a job", responses=failures(401, 404, 409, 500, 503), dependencies=[KEY]
    )
    async def cancel_job(request: Request, job_id: str) -> JobBody:
        """It ends at no charge. One that has ended cannot be cancelled: 409."""
        return job_body(await client.cancel(bearer_of(request.headers), job_id))

    @router.delete(
        "/{job_id}", status_code=204, summary="Erase a job", responses=failures(401, 404, 500, 503), dependencies=[KEY]
    )
    async def delete_job(request: Request, job_id: str) -> None:
        """Audio and text are erased now, whatever its status; one that runs is cancelled."""
        await client.erase(bearer_of(request.headers), job_id)
        await jobs.store.delete_group(job_id)

    @router.patch(
        "/{job_id}/speakers",
        summary="Name a job's speakers",
        responses=failures(400, 401, 404, 500, 503),
        openapi_extra=json_body(SpeakersBody),
        dependencies=[KEY],
    )
    async def name_speakers(request: Request, job_id: str) -> JobBody:
        """Every form of the result shows these names from now on."""
        body = await read_json(request, SpeakersBody, config)
        return job_body(await client.rename_speakers(bearer_of(request.headers), job_id, body.speakers))

    router.include_router(delivery_routes(jobs))
    return router


def _result(job: JobView, kept: bytes, form: ResponseFormat) -> Response:
    transcript = renamed(stored.TRANSCRIPT.validate_json(kept), job.speaker_names)
    media_type, content = rendered(transcript, form, job.request_id)
    headers = dict(answer_headers(transcript.model, transcript.demo, transcript.warnings))
    return Response(content.encode(), 200, headers, media_type)


def _why_not(job: JobView) -> str:
    match job.status:
        case JobStatus.QUEUED | JobStatus.RUNNING:
            return f"The job is {job.status}. Ask again when it has succeeded."
        case JobStatus.FAILED:
            return f"The job failed: {job.error}"
        case _:
            return (
                f"The job has {job.status}, and there is no transcript."
                if job.status is JobStatus.EXPIRED
                else ("The job was cancelled, and there is no transcript.")
            )
