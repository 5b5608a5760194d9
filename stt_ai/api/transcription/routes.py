"""POST /v1/transcribe."""

from collections.abc import Mapping
from functools import partial

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from stt_ai.api.admission import Admission
from stt_ai.api.http.event_stream import Deferred
from stt_ai.api.http.multipart import UPLOAD_ID, URL
from stt_ai.api.openapi import transcript_responses, transcription_form
from stt_ai.api.services import Services
from stt_ai.api.transcription.answering import Codec, serve_upload
from stt_ai.api.transcription.events import TranscriptEvents
from stt_ai.api.transcription.parameters import KNOWN, TranscribeParams, parse_parameters
from stt_ai.api.transcription.rendering import rendered
from stt_ai.api.transcription.spelling import misspelling, unknown_field
from stt_ai.types import Transcript


def transcription_routes(services: Services, admission: Admission) -> APIRouter:
    """Return the route of POST /v1/transcribe."""
    config, catalogue = services.config, services.catalogue
    router = APIRouter()

    def parse(fields: Mapping[str, str]) -> TranscribeParams:
        return parse_parameters(fields, catalogue, config.default_model)

    known = KNOWN | ({URL} if services.fetcher else set()) | ({UPLOAD_ID} if services.uploads else set())
    refusals = partial(unknown_field, known=known), partial(misspelling, known=known)
    codec = Codec(known, parse, render, TranscriptEvents, *refusals)

    @router.post(
        "/v1/transcribe",
        summary="Transcribe a file",
        response_class=Response,
        responses=transcript_responses(),
        openapi_extra=transcription_form(
            catalogue,
            config.default_model,
            urls=services.fetcher is not None,
            uploads=services.uploads is not None,
        ),
    )
    async def transcribe(request: Request) -> Response:
        """Upload an audio or video file, or give its URL. The response is its transcript with word times.

        All parameters except the file may be in the query string instead: `?response_format=srt&language=es`. Unknown
        form fields are refused, except those that OpenAI's clients add. With `stream`, server-sent events report the
        work: `progress` (`done` of `total` seconds of audio), `delta` (the next piece of the text), and finally
        `transcript`, which is the whole response. A failure after the first event is an `error` event and costs
        nothing; a client that disconnects early is charged for the audio whose text was sent.
        """
        return Deferred(lambda send: serve_upload(services, admission, codec, request, send))

    return router


def render(transcript: Transcript, params: TranscribeParams, request_id: str) -> tuple[str, str]:
    """(media type, body)."""
    return rendered(transcript, params.response_format, request_id, params.subtitles)
