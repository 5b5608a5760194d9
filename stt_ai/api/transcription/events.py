"""A transcript sent by server-sent events while the file is transcribed."""

import asyncio
import json
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any, Protocol

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Send

from stt_ai.accounts import StoredResponse
from stt_ai.api.admission import Grant
from stt_ai.api.http.context import current_record, current_request_id
from stt_ai.api.http.event_response import event_response
from stt_ai.api.http.event_stream import HEADERS, EventStream, format_event
from stt_ai.api.services import Services
from stt_ai.api.transcription.parameters import TranscribeParams
from stt_ai.api.transcription.rendering import rendered, warnings_of
from stt_ai.ports import OnDuration
from stt_ai.types import Transcript, TranscriptionRequest, Upload

Event = tuple[str, dict[str, Any]]
"""Name and data."""


class Events(Protocol):
    """How a route words its events. Times are seconds of audio."""

    streams_text: bool

    def begun(self, seconds: float) -> Iterable[Event]:
        """Return the events for a file of ``seconds`` of audio that the caller may have transcribed."""
        ...

    def piece(self, text: str, until: float, seconds: float) -> Iterable[Event]:
        """Return the events for audio transcribed up to ``until`` of ``seconds``. ``text``: not sent before."""
        ...

    def end(self, transcript: Transcript) -> Sequence[Event]:
        """Return the last events, which hold the whole transcript."""
        ...

    def replay(self, transcript: Transcript) -> Sequence[Event]:
        """Return what the same request gets again under the same idempotency key."""
        ...


class TranscriptEvents:
    """`progress`, `delta`, and last `transcript`, which is what the request without `stream` would get."""

    streams_text = True

    def __init__(self, params: TranscribeParams) -> None:
        self._params = params

    def begun(self, seconds: float) -> Iterable[Event]:
        """As `Events.begun`: no second is done."""
        yield _progress(0.0, seconds)

    def piece(self, text: str, until: float, seconds: float) -> Iterable[Event]:
        """As `Events.piece`: a delta where there is text, then the progress."""
        if text:
            yield "delta", {"text": text}
        yield _progress(until, seconds)

    def end(self, transcript: Transcript) -> Sequence[Event]:
        """As `Events.end`: one event with the answer in the form asked for."""
        form, subtitles = self._params.response_format, self._params.subtitles
        media_type, content = rendered(transcript, form, current_request_id(), subtitles)
        if media_type == "application/json":
            return [("transcript", json.loads(content))]
        body = {"content": content, "model": transcript.model}
        return [("transcript", body | warnings_of(transcript.warnings))]

    def replay(self, transcript: Transcript) -> Sequence[Event]:
        """As `Events.replay`: the whole answer alone."""
        return self.end(transcript)


def _progress(done: float, total: float) -> Event:
    return "progress", {"done": round(min(done, total), 2), "total": round(total, 2)}


async def stream_transcript(
    services: Services,
    request: Request,
    grant: Grant,
    upload: Upload,
    wanted: TranscriptionRequest,
    send: Send,
    wording: Events,
) -> Response:
    """Send the events, none before the file is known to be audio that the caller may have transcribed.

    It is charged when all of it is there, just before the last events go out. Who leaves before is charged for the
    audio up to the last piece that was sent.
    """
    events, allowed = EventStream(request.scope, send, grant.headers), asyncio.Event()
    transcribed, duration = 0.0, 0.0

    async def send_all(some: Iterable[Event]) -> None:
        for name, data in some:
            await events.send(name, data)

    async def reserve(seconds: float, on_duration: OnDuration) -> None:
        nonlocal duration
        await on_duration(seconds)
        duration = seconds
        await send_all(wording.begun(seconds))
        allowed.set()

    async def send_piece(piece: str, until: float) -> None:
        nonlocal transcribed
        await send_all(wording.piece(piece, until, duration))
        transcribed = until

    async def work() -> None:
        on_text = send_piece if wording.streams_text else None
        try:
            with grant.work() as on_duration:
                begin = partial(reserve, on_duration=on_duration)
                transcript = await services.transcription.transcribe(upload, wanted, begin, on_text)
        except asyncio.CancelledError:
            if transcribed:
                # Nothing is stored: the same request again is transcribed and charged again.
                await grant.settle(transcribed)
            raise
        current_record().audio_seconds = round(transcript.duration, 2)
        last = await asyncio.to_thread(wording.end, transcript)
        await grant.settle(transcript.duration, await asyncio.to_thread(_stored, wording.replay(transcript)))
        await send_all(last)

    return await event_response(events, request.receive, work(), after=allowed)


def _stored(events: Sequence[Event]) -> StoredResponse:
    body = "".join(format_event(name, data) for name, data in events)
    return StoredResponse(200, tuple(HEADERS.items()), body.encode())
