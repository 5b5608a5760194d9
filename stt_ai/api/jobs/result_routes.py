"""The routes of a job's result, and of what people correct in it."""

import asyncio
from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from stt_ai.api.account.routes import read_json
from stt_ai.api.billing_admission import bearer_of
from stt_ai.api.jobs.corrections import correct_segments
from stt_ai.api.jobs.docs import result_responses
from stt_ai.api.jobs.rendering import job_body
from stt_ai.api.jobs.results import ResultFormat, read_result, render_result
from stt_ai.api.jobs.schemas import CorrectionsBody, JobBody, SpeakersBody
from stt_ai.api.jobs.services import JobServices
from stt_ai.api.openapi import failures, json_body
from stt_ai.api.services import ApiConfig
from stt_ai.jobs.corrections import while_unchanged


def add_result(router: APIRouter, jobs: JobServices, languages: Mapping[str, str]) -> None:
    """Add the route of the transcript. ``languages`` has the English name of each code."""

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
        result = await while_unchanged(
            lambda: jobs.client.get(credential, job_id), lambda job: read_result(jobs.store, job)
        )
        asked = {"line_width": line_width, "lines": lines, "words_per_cue": words_per_cue}
        options = {name: str(value) for name, value in asked.items() if value is not None}
        return await asyncio.to_thread(render_result, result, response_format, options, languages)


def add_corrections(router: APIRouter, jobs: JobServices, config: ApiConfig) -> None:
    """Add the routes of names of speakers and texts of segments."""

    @router.patch(
        "/{job_id}/speakers",
        summary="Name a job's speakers",
        responses=failures(400, 401, 404, 500, 503),
        openapi_extra=json_body(SpeakersBody),
    )
    async def name_speakers(request: Request, job_id: str) -> JobBody:
        """Every form of the result shows these names from now on."""
        body = await read_json(request, SpeakersBody, config)
        return job_body(await jobs.client.rename_speakers(bearer_of(request.headers), job_id, body.speakers))

    @router.patch(
        "/{job_id}/segments",
        summary="Correct a job's text",
        responses=failures(400, 401, 404, 409, 500, 503),
        openapi_extra=json_body(CorrectionsBody),
    )
    async def correct_job(request: Request, job_id: str) -> JobBody:
        """Every form of the result has the corrected text from now on. Its words are timed by those they replace."""
        body = await read_json(request, CorrectionsBody, config)
        return job_body(await correct_segments(jobs, bearer_of(request.headers), job_id, body))
