"""The path from a request with a file to its answer, which all such routes share: admission, limits, charging."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from typing import Generic, TypeVar

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Send

from stt_ai.accounts import StoredResponse
from stt_ai.api.admission import Admission, Grant, IncomingRequest
from stt_ai.api.http.context import current_record, current_request_id
from stt_ai.api.http.disconnect import run_until_disconnect
from stt_ai.api.http.errors import failure_response
from stt_ai.api.http.multipart import IN_PLACE_OF_FILE
from stt_ai.api.http.query import Refusal, merged, query_fields
from stt_ai.api.http.receiving import ReceivedForm, receive_form
from stt_ai.api.replies import replayed, send_reply, stored_reply
from stt_ai.api.services import Services
from stt_ai.api.transcription.answer_headers import answer_headers
from stt_ai.api.transcription.events import Events, stream_transcript
from stt_ai.api.transcription.parameters import TranscriptionParams
from stt_ai.api.uploads.routes import Owners
from stt_ai.errors import BadParameter, SttError
from stt_ai.types import Transcript, Upload

P = TypeVar("P", bound=TranscriptionParams)


@dataclass(frozen=True, slots=True)
class Codec(Generic[P]):
    """How one route reads its fields and writes its answers.

    ``known``: the fields that there are. ``refusal``: why a field of the form cannot be honored, or None, and
    ``query_refusal`` the same of the address. ``render`` returns a media type and a body; ``events`` words the same as
    server-sent events.
    """

    known: frozenset[str]
    parse: Callable[[Mapping[str, str]], P]
    render: Callable[[Transcript, P, str], tuple[str, str]]
    events: Callable[[P], Events]
    refusal: Refusal
    query_refusal: Refusal


@dataclass(frozen=True, slots=True)
class ReceivedUpload(Generic[P]):
    """A file on disk and what is asked of it. ``stored``: the answer that the same request got before."""

    upload: Upload
    params: P
    stored: StoredResponse | None


async def serve_upload(services: Services, admission: Admission, codec: Codec[P], request: Request, send: Send) -> None:
    """Serve one request, from its headers to the last byte of its answer."""
    incoming = IncomingRequest.of(request, services.config.trusted_proxies)
    grant: Grant | None = None
    try:
        async with (
            admission.admit(incoming) as grant,
            receive_upload(services, request, incoming, grant, codec) as received,
        ):
            if received.stored:
                response = replayed(received.stored)
            elif received.params.stream:
                events, work = codec.events(received.params), received.params.request
                response = await stream_transcript(services, request, grant, received.upload, work, send, events)
            else:
                response = await answer(services, request, grant, received, codec)
    except SttError as error:
        response = failure_response(error)
    await send_reply(request, send, response, grant)


@asynccontextmanager
async def receive_upload(
    services: Services, request: Request, incoming: IncomingRequest, grant: Grant, codec: Codec[P]
) -> AsyncIterator[ReceivedUpload[P]]:
    """Yield the file, which is deleted when the context is left, and what is asked of it.

    Raise as `receive_form`, `Fetcher.fetch` and `ResumableUploads.find_complete`.
    """
    known, refusal = codec.known, codec.refusal
    # A recording's address may be a secret of itself, and addresses of requests are logged on their way here.
    query = query_fields(request.query_params, known.difference(IN_PLACE_OF_FILE), codec.query_refusal)

    def refuse_early(form: Mapping[str, str]) -> None:
        fields = merged(query, form)
        try:
            codec.parse(fields)
        except BadParameter as error:
            if not error.beside or error.beside in fields:  # else the other parameter may still come after the file
                raise

    reading = receive_form(request, incoming, grant, services.config, known, refuse_early, refusal, services.meters)
    async with reading as form:
        params = codec.parse(merged(query, form.fields))
        current_record().model = params.request.model
        stored = await grant.claim(fingerprint(form.sha256, params))
        upload = form.upload if stored else await _source(services, request, grant, form)
        yield ReceivedUpload(upload, params, stored)


async def _source(services: Services, request: Request, grant: Grant, form: ReceivedForm) -> Upload:
    """Return the recording, wherever the form says that it is."""
    if form.url and services.fetcher:
        return await run_until_disconnect(request.receive, form.fetch(services.fetcher, grant.max_file_bytes))
    if form.upload_id and services.uploads:
        owner = await Owners(services.billing, services.config).of(request)
        return await form.copy(services.uploads, await services.uploads.find_complete(owner, form.upload_id))
    return form.upload


async def answer(
    services: Services, request: Request, grant: Grant, received: ReceivedUpload[P], codec: Codec[P]
) -> Response:
    """Return the transcript in the form asked for, charged."""

    async def work() -> tuple[float, StoredResponse]:
        with grant.work() as on_duration:
            transcript = await services.transcription.transcribe(received.upload, received.params.request, on_duration)
        current_record().audio_seconds = round(transcript.duration, 2)
        # Rendering hours of words takes a moment.
        media_type, content = await asyncio.to_thread(codec.render, transcript, received.params, current_request_id())
        headers = answer_headers(transcript.model, transcript.demo, transcript.warnings)
        return transcript.duration, StoredResponse(200, (("content-type", media_type), *headers), content.encode())

    seconds, made = await run_until_disconnect(request.receive, work())
    # From here on it is charged: a caller who leaves before pays nothing. One who leaves while it is sent can have it
    # again under the same idempotency key.
    await grant.settle(seconds, made)
    return stored_reply(made)


def fingerprint(sha256: str, params: TranscriptionParams) -> str:
    """Return a hash of all of a request that its answer depends on."""
    return hashlib.sha256(json.dumps([sha256, asdict(params)], sort_keys=True).encode()).hexdigest()
