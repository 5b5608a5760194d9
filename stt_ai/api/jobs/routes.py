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
from stt_ai.api.jobs.corrections import correct_segments
from stt_ai.api.jobs.docs import result_responses, submission_form, submission_responses
from stt_ai.api.jobs.rendering import job_body
from stt_ai.api.jobs.results import ResultFormat, read_result, render_result
from stt_ai.api.jobs.schemas import CorrectionsBody, JobBody, JobsBody, SpeakersBody
from stt_ai.api.jobs.services import JobServices
from stt_ai.api.jobs.submission import submit
from stt_ai.api.jobs.webhooks import delivery_routes
from stt_ai.api.openapi import failures, json_body
from stt_ai.api.services import Services
from stt_ai.jobs.corrections import while_unchanged
from stt_ai.jobs.messages import JobStatus


def job_routes(services: Services, jobs: JobServices, admission: Admission) -> APIRouter:
    router = APIRouter(prefix="/v1/jobs")
    client, config = jobs.client, services.config
    languages = dict(services.catalogue.languages())

    @router.post(
        "",
        summary="Create a job",
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

    @router.get("", summary="List jobs", responses=failures(400, 401, 500, 503), dependencies=[KEY])
    async def list_jobs(
        request: Request,
        status: Annotated[JobStatus | None, Query(description="Only jobs of this status.")] = None,
        cursor: Annotated[str | None, Query(description="`next_cursor` of the previous page.", max_length=200)] = None,
        limit: Annotated[int, Query(ge=1, le=200, description="Jobs per page.")] = 50,
    ) -> JobsBody:
        """The jobs of your account, newest first."""
        page = await client.list_jobs(key_of(request), status, cursor, limit)
        return JobsBody(jobs=[job_body(job) for job in page.jobs], next_cursor=page.next_cursor)

    @router.get("/{job_id}", summary="Get a job", responses=failures(401, 404, 500, 503))
    async def get_job(request: Request, job_id: str) -> JobBody:
        """The job's progress, or how it ended."""
        return job_body(await client.get(bearer_of(request.headers), job_id))

    @router.get(
        "/{job_id}/result",
        summary="Get a job's transcript",
        response_class=Response,
        responses=result_responses(),
    )
    async def get_job_result(
        request: Request,
        job_id: str,
        response_format: Annotated[ResultFormat, Query(description="Form of the answer.")] = ResultFormat.JSON,
        line_width: Annotated[int | None, Query(description="For srt and vtt: maximum characters per line.")] = None,
        lines: Annotated[int | None, Query(description="For srt and vtt: maximum lines per cue.")] = None,
        words_per_cue: Annotated[int | None, Query(description="For srt and vtt: maximum words per cue.")] = None,
    ) -> Response:
        """The transcript in any form, any number of times, until the job expires. In `json` with its summary."""
        credential = bearer_of(request.headers)
        result = await while_unchanged(lambda: client.get(credential, job_id), lambda job: read_result(jobs.store, job))
        asked = {"line_width": line_width, "lines": lines, "words_per_cue": words_per_cue}
        options = {name: str(value) for name, value in asked.items() if value is not None}
        return await asyncio.to_thread(render_result, result, response_format, options, languages)

    @router.post("/{job_id}/cancel", summary="Cancel a job", responses=failures(401, 404, 409, 500, 503))
    async def cancel_job(request: Request, job_id: str) -> JobBody:
        """Ends the job at no charge. A job that has ended cannot be cancelled: 409."""
        return job_body(await client.cancel(bearer_of(request.headers), job_id))

    @router.delete("/{job_id}", status_code=204, summary="Erase a job", responses=failures(401, 404, 500, 503))
    async def delete_job(request: Request, job_id: str) -> None:
        """Erases audio and text now, whatever the job's status; a running job is cancelled."""
        await client.erase(bearer_of(request.headers), job_id)
        await jobs.store.delete_group(job_id)

    @router.patch(
        "/{job_id}/speakers",
        summary="Name a job's speakers",
        responses=failures(400, 401, 404, 500, 503),
        openapi_extra=json_body(SpeakersBody),
    )
    async def name_speakers(request: Request, job_id: str) -> JobBody:
        """Every form of the result shows these names from now on."""
        body = await read_json(request, SpeakersBody, config)
        return job_body(await client.rename_speakers(bearer_of(request.headers), job_id, body.speakers))

    @router.patch(
        "/{job_id}/segments",
        summary="Correct a job's text",
        responses=failures(400, 401, 404, 409, 500, 503),
        openapi_extra=json_body(CorrectionsBody),
        dependencies=[KEY],
    )
    async def correct_job(request: Request, job_id: str) -> JobBody:
        """Every form of the result has the corrected text from now on. Its words are timed by those they replace."""
        body = await read_json(request, CorrectionsBody, config)
        return job_body(await correct_segments(jobs, bearer_of(request.headers), job_id, body))

    router.include_router(delivery_routes(jobs))
    return router
