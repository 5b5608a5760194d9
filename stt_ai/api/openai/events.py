"""A transcript told by server-sent events while it is heard, as OpenAI's clients read them."""

import asyncio
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Send

from stt_ai.accounts import StoredResponse
from stt_ai.api.admission import Grant
from stt_ai.api.http.context import current_record
from stt_ai.api.http.event_response import tell
from stt_ai.api.http.event_stream import HEADERS, EventStream, spelt
from stt_ai.api.openai.parameters import AudioFormat, AudioWish
from stt_ai.api.openai.rendering import spoken_segments, usage
from stt_ai.api.services import Services
from stt_ai.api.transcription.answering import Received
from stt_ai.api.transcription.rendering import warnings_of
from stt_ai.types import Transcript


async def tell_transcript(
    services: Services, request: Request, grant: Grant, asked: Received[AudioWish], send: Send
) -> Response:
    """Sends the events, none before the file is known to be audio that the caller may have transcribed.

    It is charged when all of it is there, just before the last events go out. Who leaves before is charged for the
    audio up to the last piece that he was told.
    """
    events, allowed = EventStream(request.scope, send, grant.headers), asyncio.Event()
    diarized, heard = asked.wish.response_format is AudioFormat.DIARIZED_JSON, 0.0

    async def told(data: dict[str, Any]) -> None:
        await events.send(data["type"], data)

    async def reserve(seconds: float) -> None:
        await grant.reserve(seconds)
        allowed.set()

    async def tell_piece(piece: str, until: float) -> None:
        nonlocal heard
        await told(_delta(piece))
        heard = until

    async def work() -> None:
        # Who speaks is known at the end only.
        on_text = None if diarized else tell_piece
        wanted = asked.wish.request
        try:
            transcript = await services.transcription.transcribe(asked.upload, wanted, reserve, on_text)
        except asyncio.CancelledError:
            if heard:
                # Nothing is stored: the same request again is heard, and charged, for itself.
                await grant.settle(heard)
            raise
        current_record().audio_seconds = round(transcript.duration, 2)
        segments = await asyncio.to_thread(spoken_segments, transcript) if diarized else []
        await grant.settle(transcript.duration, _stored(transcript, segments))
        for segment in segments:
            await told(segment)
        await told(_done(transcript))

    return await tell(events, request.receive, work(), after=allowed)


def _delta(piece: str) -> dict[str, Any]:
    return {"type": "transcript.text.delta", "delta": piece}


def _done(transcript: Transcript) -> dict[str, Any]:
    """``model`` and ``warnings`` are ours: headers have gone out before it is known what they would say."""
    done = {
        "type": "transcript.text.done",
        "text": transcript.text,
        "usage": usage(transcript),
        "model": transcript.model,
    }
    return done | warnings_of(transcript.warnings)


def _stored(transcript: Transcript, segments: list[dict[str, Any]]) -> StoredResponse:
    """What the same request gets under the same idempotency key: the text in one piece."""
    pieces = segments or ([_delta(transcript.text)] if transcript.text else [])
    body = "".join(spelt(data["type"], data) for data in [*pieces, _done(transcript)])
    return StoredResponse(200, tuple(HEADERS.items()), body.encode())
