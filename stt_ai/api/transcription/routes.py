"""POST /v1/transcribe."""

import json
from collections.abc import Mapping
from functools import partial

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from stt_ai.api.admission import Admission, Arrival, Grant
from stt_ai.api.openapi import transcript_responses, transcription_form
from stt_ai.api.services import Services
from stt_ai.api.transcription.answering import Dialect, admitted, answer, received
from stt_ai.api.transcription.parameters import KNOWN, Asked, ResponseFormat, parse_parameters
from stt_ai.api.transcription.rendering import PLAIN, transcript_body
from stt_ai.api.transcription.spelling import misspelling
from stt_ai.types import Transcript


def transcription_routes(services: Services, admission: Admission) -> APIRouter:
    config, catalogue = services.config, services.catalogue
    router = APIRouter()

    def parse(fields: Mapping[str, str]) -> Asked:
        return parse_parameters(fields, catalogue, config.default_model)

    dialect = Dialect(KNOWN, parse, render, partial(misspelling, known=KNOWN))

    @router.post(
        "/v1/transcribe",
        summary="Transcribe a file",
        response_class=Response,
        responses=transcript_responses(),
        openapi_extra=transcription_form(catalogue, config.default_model),
    )
    async def transcribe(request: Request) -> Response:
        """Upload an audio or video file; the answer is its transcript with the times of words.

        All parameters but the file may stand in the address instead: `?response_format=srt&language=es`.
        """
        arrival = Arrival.of(request, config.trusted_proxies)

        async def serve(grant: Grant) -> Response:
            async with received(services, request, arrival, grant, dialect) as asked:
                return await answer(services, request, grant, asked, dialect)

        return await admitted(admission, arrival, serve)

    return router


def render(transcript: Transcript, asked: Asked, request_id: str) -> tuple[str, str]:
    """(media type, body)."""
    if asked.response_format is ResponseFormat.JSON:
        body = transcript_body(transcript, request_id)
        return "application/json", json.dumps(body, ensure_ascii=False, allow_nan=False)
    media_type, spell = PLAIN[asked.response_format]
    return media_type, spell(transcript)
