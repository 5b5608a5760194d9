"""The routes of /v1/jobs."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from stt_ai.api.account.routes import KEY, key_of
from stt_ai.api.admission import Admission
from stt_ai.api.billing_admission import bearer_of
from stt_ai.api.http.event_stream import Deferred
from stt_ai.api.jobs.docs import submission_form, submission_responses
from stt_ai.api.jobs.rendering import job_body
from stt_ai.api.jobs.result_routes import add_corrections, add_result
from stt_ai.api.jobs.schemas import JobBody, JobsBody
from stt_ai.api.jobs.services import JobServices
from stt_ai.api.jobs.submission import submit
from stt_ai.api.jobs.webhooks import delivery_routes
from stt_ai.api.openapi import failures
from stt_ai.api.services import Services
from stt_ai.jobs.messages import JobStatus


def job_routes(services: Services, jobs: JobServices, admission: Admission) -> APIRouter:
    """Return the routes of jobs, their results and their deliveries."""
    router = APIRouter(prefix="/v1/jobs")
    _add_submission(router, services, jobs, admission)
    _add_lookup(router, jobs)
    add_result(router, jobs, dict(services.catalogue.languages()))
    _add_ends(router, jobs)
    add_corrections(router, jobs, services.config)
    router.include_router(delivery_routes(jobs))
    return router


def _add_submission(router: APIRouter, services: Services, jobs: JobServices, admission: Admission) -> None:
    @router.post(
        "",
        summary="Create a job",
        response_class=Response,
        status_code=202,
        responses=submission_responses(),
        openapi_extra=submission_form(
            services.catalogue,
            services.config.default_model,
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


def _add_lookup(router: APIRouter, jobs: JobServices) -> None:
    @router.get("", summary="List jobs", responses=failures(400, 401, 500, 503), dependencies=[KEY])
    async def list_jobs(
        request: Request,
        status: Annotated[JobStatus | None, Query(description="Only jobs of this status.")] = None,
        cursor: Annotated[str | None, Query(description="`next_cursor` of the previous page.", max_length=200)] = None,
        limit: Annotated[int, Query(ge=1, le=200, description="Jobs per page.")] = 50,
    ) -> JobsBody:
        """The jobs of your account, newest first."""
        page = await jobs.client.list_jobs(key_of(request), status, cursor, limit)
        return JobsBody(jobs=[job_body(job) for job in page.jobs], next_cursor=page.next_cursor)

    @router.get("/{job_id}", summary="Get a job", responses=failures(401, 404, 500, 503))
    async def get_job(request: Request, job_id: str) -> JobBody:
        """The job's progress, or how it ended."""
        return job_body(await jobs.client.get(bearer_of(request.headers), job_id))


def _add_ends(router: APIRouter, jobs: JobServices) -> None:
    @router.post("/{job_id}/cancel", summary="Cancel a job", responses=failures(401, 404, 409, 500, 503))
    async def cancel_job(request: Request, job_id: str) -> JobBody:
        """Ends the job at no charge. A job that has ended cannot be cancelled: 409."""
        return job_body(await jobs.client.cancel(bearer_of(request.headers), job_id))

    @router.delete("/{job_id}", status_code=204, summary="Erase a job", responses=failures(401, 404, 500, 503))
    async def delete_job(request: Request, job_id: str) -> None:
        """Erases audio and text now, whatever the job's status; a running job is cancelled."""
        await jobs.client.erase(bearer_of(request.headers), job_id)
        await jobs.store.delete_group(job_id)
