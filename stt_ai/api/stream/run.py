"""One live stream from its first audio to its end: receives audio and sends events at the same time."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing

from stt_ai.api.http.context import current_record
from stt_ai.api.stream.config import StreamParams, action_of, parse_json
from stt_ai.api.stream.limits import StreamLimits
from stt_ai.api.stream.messages import event_message, ignored_message
from stt_ai.api.stream.meter import StreamMeter
from stt_ai.api.stream.resume import MAX_FINALS, ResumePoint, StreamStart
from stt_ai.api.stream.socket import StreamSocket
from stt_ai.errors import BadParameter, BadRequest, IdleTimeout, SessionTooLong, SttError
from stt_ai.streaming.events import Final
from stt_ai.streaming.session import LiveSession
from stt_ai.types import SAMPLE_RATE, Samples

DecodeAudio = Callable[[str, int, AsyncIterator[bytes]], AsyncGenerator[Samples, None]]
"""(encoding, sample rate, the caller's bytes) -> 16 kHz samples; as `stt_ai.engines.live_audio.decode`."""


MAX_IGNORED = 10
"""Text messages that ask for nothing; who sends more of them does not read the warnings."""
_NO_ACTION = "`action` must be one of stop, finalize, keepalive; audio is sent in binary messages."
_SECOND_CONFIG = "The config is taken once: to change it, connect again. What follows it has an `action`."


class LiveStream:
    """A running stream. ``received``: samples that are paid for, without those before the point of resumption."""

    def __init__(
        self,
        socket: StreamSocket,
        session: LiveSession,
        meter: StreamMeter,
        decode: DecodeAudio,
        params: StreamParams,
        limits: StreamLimits,
        start: StreamStart,
    ) -> None:
        self._socket = socket
        self._session = session
        self._meter = meter
        self._decode = decode
        self._params = params
        self._limits = limits
        self._start = start
        self._skipped = start.skipped
        # Including those that are sent again: the client may lose them once more.
        self._finals = deque(start.repeated, maxlen=MAX_FINALS)
        self._ignored = 0
        self.received = 0
        self.ending: SttError | None = None

    async def run(self) -> None:
        """Run until the client stops or `ending` is set; then all text has been sent.

        Raise `ClientLeft`, and what the session failed with.
        """
        tasks = [asyncio.create_task(self._receive_audio()), asyncio.create_task(self._send_events())]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            # Also those that failed together with the first are looked at.
            await asyncio.gather(*tasks, return_exceptions=True)

    def resume_point(self) -> ResumePoint:
        """Return the point at which a later stream can resume."""
        last = self._finals[-1] if self._finals else None
        settled = last.language if last else self._start.language
        language = self._params.config.language or settled
        following = max(self._start.segment_id, last.segment_id + 1 if last else 0)
        return ResumePoint(self._session.last_final_end, following, language, tuple(self._finals))

    async def _receive_audio(self) -> None:
        try:
            async with asyncio.timeout(self._limits.max_session_s):
                await self._feed_session()
        except TimeoutError:
            self.ending = self._too_long()
        except SttError as error:
            self.ending = error
        await self._session.stop()

    async def _feed_session(self) -> None:
        params = self._params
        async with (
            aclosing(self._audio_chunks()) as chunks,
            aclosing(self._decode(params.encoding, params.sample_rate, chunks)) as audio,
        ):
            async for samples in audio:
                await self._feed_paid(samples)

    async def _audio_chunks(self) -> AsyncGenerator[bytes, None]:
        """Yield the caller's audio; ends when the caller stops."""
        while True:
            message = await self._next()
            if isinstance(message, bytes):
                yield message
                continue
            match await self._action(message):
                case "stop":
                    return
                case "finalize":
                    await self._session.finalize()
                    await asyncio.sleep(0)  # many in a row would not let their answers out

    async def _action(self, message: str) -> str | None:
        """Return the action of a text message; None for others, which get a warning, up to `MAX_IGNORED` times."""
        try:
            given = parse_json(message)
            if action := action_of(given):
                return action
            raise BadParameter(_NO_ACTION if "action" in given or "type" in given else _SECOND_CONFIG, "action")
        except BadRequest as error:
            self._ignored += 1
            if self._ignored > MAX_IGNORED:
                raise
            await self._socket.send(ignored_message(f"{error.message} The message was ignored."))
        return None

    async def _next(self) -> str | bytes:
        idle = self._limits.idle_timeout_s
        try:
            async with asyncio.timeout(idle):
                return await self._socket.receive()
        except TimeoutError:
            message = f"Nothing came for {idle:g} seconds. Send audio, or keepalive while there is none."
            raise IdleTimeout(message) from None

    async def _feed_paid(self, samples: Samples) -> None:
        dropped = min(self._skipped, len(samples))
        self._skipped -= dropped
        samples = samples[dropped:]
        max_samples = int(self._limits.max_session_s * SAMPLE_RATE)
        while len(samples):
            if self.received >= max_samples:
                raise self._too_long()
            paid = await self._meter.room(self.received)
            chunk = samples[: min(paid, max_samples - self.received, SAMPLE_RATE)]
            samples = samples[len(chunk) :]
            self.received += len(chunk)
            current_record().audio_seconds = round(self.received / SAMPLE_RATE, 2)
            await self._session.feed(chunk)

    async def _send_events(self) -> None:
        async for event in self._session.events():
            if isinstance(event, Final) and event.text:
                self._finals.append(event)
            await self._socket.send(event_message(event))

    def _too_long(self) -> SessionTooLong:
        return SessionTooLong(
            f"A stream lasts {self._limits.max_session_s:g} seconds at most. Connect again to go on, with its "
            "`session_id` and `offset`."
        )
