"""POST /v1/transcribe."""

import asyncio
import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from stt_ai.accounts import StoredResponse
from stt_ai.api.admission import Admission, Arrival, Grant
from stt_ai.api.context import current_record, current_request_id
from stt_ai.api.disconnect import run_until_disconnect
from stt_ai.api.errors import failure_response
from stt_ai.api.openapi import transcript_responses, transcription_form
from stt_ai.api.parameters import KNOWN, Asked, ResponseFormat, parse_parameters
from stt_ai.api.receiving import receive_form
from stt_ai.api.rendering import transcript_body
from stt_ai.api.services import Services
from stt_ai.errors import SttError
from stt_ai.speech.subtitles import to_srt, to_txt, to_vtt
from stt_ai.types import Transcript, Upload

MEDIA_TYPES = {
    ResponseFormat.JSON: "application/json",
    ResponseFormat.TXT: "text/plain; charset=utf-8",
    ResponseFormat.SRT: "application/x-subrip; charset=utf-8",
    ResponseFormat.VTT: "text/vtt; charset=utf-8",
}


def transcription_routes(services: Services, admission: Admission) -> APIRouter:
    config, catalogue = services.config, services.catalogue
    router = APIRouter()

    @router.post(
        "/v1/transcribe",
        summary="Transcribe a file",
        response_class=Response,
        responses=transcript_responses(),
        openapi_extra=transcription_form(catalogue, config.default_model),
    )
    async def transcribe(request: Request) -> Response:
        """Upload an audio or video file; the answer is its transcript with the times of words."""
        arrival, grant = Arrival.of(request, config.trusted_proxies), None
        try:
            async with admission.admit(arrival) as grant:
                response = await _answer(services, request, arrival, grant)
        except SttError as error:
            response = failure_response(error)
        if grant is not None:
            response.headers.update(grant.headers)
        return response

    return router


async def _answer(services: Services, request: Request, arrival: Arrival, grant: Grant) -> Response:
    def parse(fields: Mapping[str, str]) -> Asked:
        return parse_parameters(fields, services.catalogue, services.config.default_model)

    async def work(upload: Upload, asked: Asked) -> tuple[float, StoredResponse]:
        transcript = await services.transcription.transcribe(upload, asked.request, grant.reserve)
        current_record().audio_seconds = round(transcript.duration, 2)
        # Hours of words take a moment to spell.
        content = await asyncio.to_thread(render, transcript, asked.response_format, current_request_id())
        demo = (("x-stt-demo-model", "true"),) if transcript.demo else ()
        headers = (("content-type", MEDIA_TYPES[asked.response_format]), *demo)
        return transcript.duration, StoredResponse(200, headers, content.encode())

    async with receive_form(request, arrival, grant, services.config, KNOWN, before_file=parse) as form:
        asked = parse(form.fields)
        current_record().model = asked.request.model
        if replayed := await grant.claim(fingerprint(form.sha256, asked)):
            return Response(replayed.body, replayed.status, {**dict(replayed.headers), "Idempotency-Replayed": "true"})
        seconds, answer = await run_until_disconnect(request.receive, work(form.upload, asked))
    # From here on it is charged: who leaves before pays nothing, and who leaves while it is sent can have it again
    # under the same idempotency key.
    await grant.settle(seconds, answer)
    return Response(answer.body, answer.status, dict(answer.headers))


def fingerprint(sha256: str, asked: Asked) -> str:
    """Stands for all of a request that its answer depends on."""
    wanted = [sha256, asdict(asked.request), asked.response_format]
    return hashlib.sha256(json.dumps(wanted, sort_keys=True).encode()).hexdigest()


def render(transcript: Transcript, response_format: ResponseFormat, request_id: str) -> str:
    match response_format:
        case ResponseFormat.JSON:
            return json.dumps(transcript_body(transcript, request_id), ensure_ascii=False, allow_nan=False)
        case ResponseFormat.TXT:
            return to_txt(transcript)
        case ResponseFormat.SRT:
            return to_srt(transcript)
        case ResponseFormat.VTT:
            return to_vtt(transcript)
