"""POST /v1/summarize."""

import asyncio
import hashlib
import json
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Send

from stt_ai.accounts import StoredResponse, WorkKind
from stt_ai.api.admission import Admission, Grant, IncomingRequest
from stt_ai.api.http.context import current_record
from stt_ai.api.http.disconnect import run_until_disconnect
from stt_ai.api.http.errors import failure_response
from stt_ai.api.http.event_response import event_response
from stt_ai.api.http.event_stream import HEADERS, Deferred, EventStream, format_event
from stt_ai.api.openapi import summary_request, summary_responses
from stt_ai.api.replies import replayed, send_reply, stored_reply
from stt_ai.api.services import ApiConfig, Services
from stt_ai.api.summary.body import SummaryParams, read_params
from stt_ai.api.transcription.answer_headers import answer_headers
from stt_ai.api.transcription.rendering import warnings_of
from stt_ai.errors import SttError
from stt_ai.ports import Summarizer
from stt_ai.types import Summary, SummaryProgress


def summary_routes(services: Services, summarizer: Summarizer, admission: Admission) -> APIRouter:
    """Return the route of POST /v1/summarize."""
    router = APIRouter()
    config = services.config

    @router.post(
        "/v1/summarize",
        summary="Summarize a transcript",
        response_class=Response,
        responses=summary_responses(),
        openapi_extra=summary_request(config.max_summary_characters),
    )
    async def summarize(request: Request) -> Response:
        """Send a transcript's text; the answer is a summary of it, in its language.

        Brief: two or three sentences. Detailed: paragraphs. Action items and bullet points: lines that begin with
        `- `. Whatever the text asks for is summarized and not done. With `stream`, server-sent events tell the
        summary while it is written: `progress` events say how many parts of a long text are done, `delta` events hold
        its pieces, and a `summary` event the whole answer. A text that would take too long is refused at once. A
        stream that is left after its first piece counts; one that ends with an `error` event does not. The body may be
        compressed, with `Content-Encoding: gzip` or `deflate`.
        """
        return Deferred(lambda send: _serve(summarizer, admission, config, request, send))

    return router


async def _serve(summarizer: Summarizer, admission: Admission, config: ApiConfig, request: Request, send: Send) -> None:
    incoming = IncomingRequest.of(request, config.trusted_proxies, WorkKind.SUMMARY)
    grant: Grant | None = None
    try:
        async with admission.admit(incoming) as grant:
            params = await read_params(request, incoming, config)
            if stored := await grant.claim(_fingerprint(params)):
                response = replayed(stored)
            elif params.stream:
                response = await _stream(summarizer, params, grant, request, send)
            else:
                response = await _answer(summarizer, params, grant, request)
    except SttError as error:
        response = failure_response(error)
    await send_reply(request, send, response, grant)


async def _answer(summarizer: Summarizer, params: SummaryParams, grant: Grant, request: Request) -> Response:
    await grant.reserve(0)
    summary = await run_until_disconnect(request.receive, summarizer.summarize(params.text, params.style))
    headers = (("content-type", "application/json"), *answer_headers(summary.model, summary.demo, summary.warnings))
    answer = StoredResponse(200, headers, json.dumps(_body(summary), ensure_ascii=False).encode())
    await grant.settle(0, answer)
    return stored_reply(answer)


async def _stream(
    summarizer: Summarizer, params: SummaryParams, grant: Grant, request: Request, send: Send
) -> Response:
    await grant.reserve(0)
    events = EventStream(request.scope, send, grant.headers)
    pieces = summarizer.stream(params.text, params.style)

    async def work() -> None:
        owed = False
        try:
            async for piece in pieces:
                if isinstance(piece, str):
                    await events.send("delta", {"text": piece})
                    owed = True
                elif isinstance(piece, SummaryProgress):
                    await events.send("progress", {"done": piece.done, "total": piece.total})
                else:
                    owed, body = False, _body(piece)
                    await grant.settle(0, _stored(body))
                    await events.send("summary", body)
        except asyncio.CancelledError:
            if owed:  # a caller who leaves pays for the text that was sent
                await grant.settle(0)
            raise

    try:
        return await event_response(events, request.receive, work())
    finally:
        await asyncio.shield(_closed(pieces))


async def _closed(pieces: Any) -> None:
    close = getattr(pieces, "aclose", None)
    if close is not None:
        await close()


def _fingerprint(params: SummaryParams) -> str:
    """Stands for all of a request that its answer depends on."""
    parts = [params.text, params.style, *(["stream"] if params.stream else [])]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _stored(body: dict[str, Any]) -> StoredResponse:
    """What the same request for events gets under the same idempotency key: the text in one piece."""
    pieces = format_event("delta", {"text": body["summary"]}) + format_event("summary", body)
    return StoredResponse(200, tuple(HEADERS.items()), pieces.encode())


def _body(summary: Summary) -> dict[str, Any]:
    current_record().model = summary.model
    return summary_body(summary)


def summary_body(summary: Summary) -> dict[str, Any]:
    """Return the JSON of a summary."""
    written = {"summary": summary.text, "style": summary.style, "model": summary.model}
    return written | warnings_of(summary.warnings)
