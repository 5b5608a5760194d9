"""POST /v1/audio/transcriptions and /v1/audio/translations: what OpenAI's own clients call."""

from collections.abc import Mapping
from functools import partial

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from stt_ai.api.admission import Admission
from stt_ai.api.http.event_stream import Deferred
from stt_ai.api.openai.events import OpenAiEvents
from stt_ai.api.openai.form import audio_form, audio_responses
from stt_ai.api.openai.parameters import KNOWN, REFUSED, AudioParams, parse_audio
from stt_ai.api.openai.rendering import render
from stt_ai.api.services import Services
from stt_ai.api.transcription.answering import Codec, serve_upload
from stt_ai.types import Task, Transcript


def openai_routes(services: Services, admission: Admission) -> APIRouter:
    """Return the routes of /v1/audio."""
    router = APIRouter()
    catalogue, default = services.catalogue, services.config.default_model
    transcribe = partial(serve_upload, services, admission, _codec(services, Task.TRANSCRIBE))
    translate = partial(serve_upload, services, admission, _codec(services, Task.TRANSLATE))

    @router.post(
        "/v1/audio/transcriptions",
        summary="Transcribe a file (OpenAI)",
        response_class=Response,
        responses=audio_responses(Task.TRANSCRIBE),
        openapi_extra=audio_form(catalogue, default, Task.TRANSCRIBE),
    )
    async def create_transcription(request: Request) -> Response:
        """Compatible with OpenAI's route: its clients work with `base_url` set to this service's `/v1`.

        With `stream`, server-sent events send the text as it is transcribed: `transcript.text.delta` for each piece,
        `transcript.text.done` for the whole; with diarized_json also `transcript.text.segment` with the speaker. A
        failure after the first event is an `error` event and costs nothing; a client that disconnects early is charged
        for the audio whose text was sent. Errors have OpenAI's form.
        """
        return Deferred(lambda send: transcribe(request, send))

    @router.post(
        "/v1/audio/translations",
        summary="Translate a file into English (OpenAI)",
        response_class=Response,
        responses=audio_responses(Task.TRANSLATE),
        openapi_extra=audio_form(catalogue, default, Task.TRANSLATE),
    )
    async def create_translation(request: Request) -> Response:
        """Compatible with OpenAI's route: writes what is said in English, with a model that was trained to translate.

        `language` may name the language that is spoken. `stream` works as for transcriptions.
        """
        return Deferred(lambda send: translate(request, send))

    return router


def _codec(services: Services, task: Task) -> Codec[AudioParams]:
    languages = dict(services.catalogue.languages())

    def parse(fields: Mapping[str, str]) -> AudioParams:
        return parse_audio(fields, services.catalogue, services.config.default_model, task)

    def spell(transcript: Transcript, params: AudioParams, request_id: str) -> tuple[str, str]:
        return render(transcript, params, languages)

    refused = REFUSED if task is Task.TRANSCRIBE else {}
    return Codec(KNOWN[task], parse, spell, OpenAiEvents, refused.get, refused.get)
