"""POST /v1/transcribe."""

import json
from collections.abc import Mapping

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from stt_ai.api.admission import Admission, Arrival, Grant
from stt_ai.api.answering import Dialect, admitted, answer, received
from stt_ai.api.openapi import transcript_responses, transcription_form
from stt_ai.api.parameters import KNOWN, Asked, ResponseFormat, parse_parameters
from stt_ai.api.rendering import transcript_body
from stt_ai.api.services import Services
from stt_ai.speech.subtitles import to_srt, to_txt, to_vtt
from stt_ai.types import Transcript

MEDIA_TYPES = {
    ResponseFormat.JSON: "application/json",
    ResponseFormat.TXT: "text/plain; charset=utf-8",
    ResponseFormat.SRT: "application/x-subrip; charset=utf-8",
    ResponseFormat.VTT: "text/vtt; charset=utf-8",
}


def transcription_routes(services: Services, admission: Admission) -> APIRouter:
    config, catalogue = services.config, services.catalogue
    router = APIRouter()

    def parse(fields: Mapping[str, str]) -> Asked:
        return parse_parameters(fields, catalogue, config.default_model)

    dialect = Dialect(KNOWN, parse, render)

    @router.post(
        "/v1/transcribe",
        summary="Transcribe a file",
        response_class=Response,
        responses=transcript_responses(),
        openapi_extra=transcription_form(catalogue, config.default_model),
    )
    async def transcribe(request: Request) -> Response:
        """Upload an audio or video file; the answer is its transcript with the times of words."""
        arrival = Arrival.of(request, config.trusted_proxies)

        async def serve(grant: Grant) -> Response:
            async with received(services, request, arrival, grant, dialect) as asked:
                return await answer(services, request, grant, asked, dialect)

        return await admitted(admission, arrival, serve)

    return router


def render(transcript: Transcript, asked: Asked, request_id: str) -> tuple[str, str]:
    """(media type, body)."""
    return MEDIA_TYPES[asked.response_format], _spelt(transcript, asked.response_format, request_id)


def _spelt(transcript: Transcript, response_format: ResponseFormat, request_id: str) -> str:
    match response_format:
        case ResponseFormat.JSON:
            return json.dumps(transcript_body(transcript, request_id), ensure_ascii=False, allow_nan=False)
        case ResponseFormat.TXT:
            return to_txt(transcript)
        case ResponseFormat.SRT:
            return to_srt(transcript)
        case ResponseFormat.VTT:
            return to_vtt(transcript)
