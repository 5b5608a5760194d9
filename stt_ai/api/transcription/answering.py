"""From a request with a file to its answer, under admission, limits and charging: what all such routes share."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from typing import Generic, TypeVar

from starlette.requests import Request
from starlette.responses import Response

from stt_ai.accounts import StoredResponse
from stt_ai.api.admission import Admission, Arrival, Grant
from stt_ai.api.http.context import current_record, current_request_id
from stt_ai.api.http.disconnect import run_until_disconnect
from stt_ai.api.http.errors import failure_response
from stt_ai.api.http.multipart import URL
from stt_ai.api.http.query import Refusal, merged, query_fields
from stt_ai.api.http.receiving import receive_form
from stt_ai.api.services import Services
from stt_ai.api.transcription.answer_headers import answer_headers
from stt_ai.api.transcription.parameters import Wish
from stt_ai.errors import BadParameter, SttError
from stt_ai.types import Transcript, Upload

W = TypeVar("W", bound=Wish)


@dataclass(frozen=True, slots=True)
class Dialect(Generic[W]):
    """How one route speaks: the fields that it knows, what they mean, and how it answers.

    ``render`` gives a media type and a body. ``refusal``: why a field cannot be honoured, or None.
    """

    known: frozenset[str]
    parse: Callable[[Mapping[str, str]], W]
    render: Callable[[Transcript, W, str], tuple[str, str]]
    refusal: Refusal


@dataclass(frozen=True, slots=True)
class Received(Generic[W]):
    """``stored``: the answer that the same request got before under its idempotency key."""

    upload: Upload
    wish: W
    stored: StoredResponse | None


async def admitted(admission: Admission, arrival: Arrival, serve: Callable[[Grant], Awaitable[Response]]) -> Response:
    """What ``serve`` answers, or the failure, with the headers of the caller's allowance."""
    grant = None
    try:
        async with admission.admit(arrival) as grant:
            response = await serve(grant)
    except SttError as error:
        response = failure_response(error)
    if grant is not None:
        response.headers.update(grant.headers)
    return response


@asynccontextmanager
async def received(
    services: Services, request: Request, arrival: Arrival, grant: Grant, dialect: Dialect[W]
) -> AsyncIterator[Received[W]]:
    """The file, which is deleted when the context is left, and what is asked of it.

    Raises as `receive_form` and `ReceivedForm.upload`.
    """
    known, refusal = dialect.known, dialect.refusal
    # A recording's address may be a secret of itself, and addresses of requests are logged on their way here.
    query = query_fields(request.query_params, known - {URL}, refusal)

    def refuse_early(form: Mapping[str, str]) -> None:
        fields = merged(query, form)
        try:
            dialect.parse(fields)
        except BadParameter as error:
            if not error.beside or error.beside in fields:  # else what it goes with may come after the file
                raise

    reading = receive_form(request, arrival, grant, services.config, known, refuse_early, refusal, services.meters)
    async with reading as form:
        wish = dialect.parse(merged(query, form.fields))
        current_record().model = wish.request.model
        stored = await grant.claim(fingerprint(form.sha256, wish))
        if form.url and not stored:
            fetching = form.upload(services.fetcher, grant.max_file_bytes)
            upload = await run_until_disconnect(request.receive, fetching)
        else:
            upload = await form.upload(None, grant.max_file_bytes)
        yield Received(upload, wish, stored)


async def answer(
    services: Services, request: Request, grant: Grant, asked: Received[W], dialect: Dialect[W]
) -> Response:
    """The transcript in the form asked for, charged."""
    if asked.stored:
        return replayed(asked.stored)

    async def work() -> tuple[float, StoredResponse]:
        transcript = await services.transcription.transcribe(asked.upload, asked.wish.request, grant.reserve)
        current_record().audio_seconds = round(transcript.duration, 2)
        # Hours of words take a moment to spell.
        media_type, content = await asyncio.to_thread(dialect.render, transcript, asked.wish, current_request_id())
        headers = answer_headers(transcript.model, transcript.demo, transcript.warnings)
        return transcript.duration, StoredResponse(200, (("content-type", media_type), *headers), content.encode())

    seconds, made = await run_until_disconnect(request.receive, work())
    # From here on it is charged: who leaves before pays nothing, and who leaves while it is sent can have it again
    # under the same idempotency key.
    await grant.settle(seconds, made)
    return Response(made.body, made.status, dict(made.headers))


def replayed(stored: StoredResponse) -> Response:
    return Response(stored.body, stored.status, {**dict(stored.headers), "Idempotency-Replayed": "true"})


def fingerprint(sha256: str, wish: Wish) -> str:
    """Stands for all of a request that its answer depends on."""
    return hashlib.sha256(json.dumps([sha256, asdict(wish)], sort_keys=True).encode()).hexdigest()
