"""A transcript told by server-sent events while it is heard, as OpenAI's clients read them."""

import asyncio
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Send

from stt_ai.accounts import StoredResponse
from stt_ai.api.admission import Grant
from stt_ai.api.answering import Received
from stt_ai.api.context import current_record
from stt_ai.api.disconnect import run_until_disconnect
from stt_ai.api.errors import failure_response
from stt_ai.api.event_stream import HEADERS, AllSent, EventStream, spelt
from stt_ai.api.openai_parameters import AudioFormat, AudioWish
from stt_ai.api.openai_rendering import spoken_segments, usage
from stt_ai.api.services import Services
from stt_ai.errors import InternalError, SttError
from stt_ai.types import Transcript


async def tell(services: Services, request: Request, grant: Grant, asked: Received[AudioWish], send: Send) -> Response:
    """Sends the events. A failure is raised as long as nothing was sent; then it is an event. Nothing is sent before
    the file is known to be audio that the caller may have transcribed.

    It is charged just before the event that says it is done goes out: who leaves before pays nothing.
    """
    events, allowed = EventStream(request.scope, send, grant.headers), asyncio.Event()
    diarized = asked.wish.response_format is AudioFormat.DIARIZED_JSON

    async def told(data: dict[str, Any]) -> None:
        await events.send(data["type"], data)

    async def reserve(seconds: float) -> None:
        await grant.reserve(seconds)
        allowed.set()

    async def work() -> None:
        # Who speaks is known at the end only.
        on_text = None if diarized else lambda piece: told(_delta(piece))
        wanted = asked.wish.request
        transcript = await services.transcription.transcribe(asked.upload, wanted, reserve, on_text)
        current_record().audio_seconds = round(transcript.duration, 2)
        segments = await asyncio.to_thread(spoken_segments, transcript) if diarized else []
        for segment in segments:
            await told(segment)
        await grant.settle(transcript.duration, _stored(transcript, segments))
        await told(_done(transcript))

    try:
        async with events.kept_alive(after=allowed):
            await run_until_disconnect(request.receive, work())
        await events.end()
    except Exception as error:
        if not events.started:
            raise
        if not isinstance(error, ClientDisconnect):
            await events.fail(failure_response(_known(error)))
    return AllSent()


def _delta(piece: str) -> dict[str, Any]:
    return {"type": "transcript.text.delta", "delta": piece}


def _done(transcript: Transcript) -> dict[str, Any]:
    """``model`` is ours: headers have gone out before it is known whether a demonstration model answers."""
    return {
        "type": "transcript.text.done",
        "text": transcript.text,
        "usage": usage(transcript),
        "model": transcript.model,
    }


def _stored(transcript: Transcript, segments: list[dict[str, Any]]) -> StoredResponse:
    """What the same request gets under the same idempotency key: the text in one piece."""
    pieces = segments or ([_delta(transcript.text)] if transcript.text else [])
    body = "".join(spelt(data["type"], data) for data in [*pieces, _done(transcript)])
    return StoredResponse(200, tuple(HEADERS.items()), body.encode())


def _known(error: Exception) -> SttError:
    if isinstance(error, SttError):
        return error
    fault = InternalError("The service failed while it told a transcript.")
    fault.__cause__ = error
    return fault
