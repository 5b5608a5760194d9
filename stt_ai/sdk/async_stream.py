"""Live transcription for asyncio. `stt_ai.sdk.stream` is the same for threads."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterable, Iterable, Iterator
from contextlib import aclosing, suppress
from types import TracebackType
from typing import Any, Self

from websockets.asyncio.client import ClientConnection, connect

from stt_ai.sdk import sockets
from stt_ai.sdk.configuration import Configuration
from stt_ai.sdk.errors import SttAiError
from stt_ai.sdk.events import Ended, Event, Ready
from stt_ai.sdk.live import KEEPALIVE, KEEPALIVE_S, Cut, LiveOptions, Talk
from stt_ai.sdk.microphone import Microphone
from stt_ai.sdk.sources import AsyncAudio, pieces
from stt_ai.sdk.stream import DRAIN_S


class AsyncStream:
    """As `stt_ai.sdk.stream.Stream`, to be iterated over with `async for` in the task that made it."""

    def __init__(self, configuration: Configuration, audio: AsyncAudio, options: LiveOptions, paced: bool) -> None:
        wanted: dict[str, Any] = dict(options)
        self._source: Iterable[bytes] | AsyncIterable[bytes]
        self._source, live = (audio, True) if isinstance(audio, AsyncIterable) else pieces(audio, wanted)
        self._talk = Talk(wanted)
        self._paced = paced and not live
        self._configuration = configuration
        self._changed = asyncio.Event()
        self._sent = asyncio.Event()
        self._done = asyncio.Event()
        self._error: Exception | None = None
        self._events = self._run()
        self._begun = False

    @property
    def text(self) -> str:
        """The transcript so far."""
        return self._talk.text

    def stop(self) -> None:
        """No more audio is taken. Events come until all that was heard is told."""
        if isinstance(self._source, Microphone):
            self._source.close()  # what it has recorded is sent still
        else:
            self._finish()

    def finalize(self) -> None:
        """Ends the utterance now; a final with `from_finalize` answers."""
        self._talk.finalize()
        self._changed.set()

    async def close(self) -> None:
        """Stops it and reads what comes still, for a few seconds at most."""
        self.stop()
        if self._begun:
            with suppress(SttAiError, TimeoutError):
                async with asyncio.timeout(DRAIN_S):
                    async for _ in self:
                        pass
        await self._events.aclose()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        self._begun = True
        return await anext(self._events)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            await self.close()
        self.stop()
        await self._events.aclose()

    async def _run(self) -> AsyncGenerator[Event, None]:
        reading = asyncio.create_task(self._read())
        attempts = sockets.attempts(self._configuration)
        try:
            while True:
                try:
                    async with aclosing(self._connection()) as events:
                        async for event in events:
                            yield event
                            if isinstance(event, Ended):
                                return
                            if not isinstance(event, Ready):
                                attempts = sockets.attempts(self._configuration)
                except Cut as cut:
                    failure = cut.failure
                if self._error is not None:
                    raise self._error
                await asyncio.sleep(attempts.wait(failure))
        finally:
            self.stop()
            await _ended(reading)

    async def _connection(self) -> AsyncGenerator[Event, None]:
        """What one connection tells. Raises `Cut`."""
        try:
            async with connect(**sockets.arguments(self._configuration)) as socket:
                await socket.send(self._talk.begin())
                sending: asyncio.Task[None] | None = None
                try:
                    while not self._talk.ended:
                        event = self._talk.hear(await socket.recv())
                        if isinstance(event, Ready):
                            sending = asyncio.create_task(self._send(socket))
                        if event is not None:
                            yield event
                finally:
                    if sending is not None:
                        await _ended(sending)
        except sockets.NETWORK as error:
            failure = sockets.failure_of(error, self._configuration.base_url)
            if sockets.refused_for_good(failure):
                raise failure from error
            raise Cut(failure) from error

    async def _send(self, socket: ClientConnection) -> None:
        with suppress(*sockets.NETWORK):  # who hears meets it too
            while self._error is None:
                self._changed.clear()
                piece = self._talk.next() or await self._waited()
                if piece is not None:
                    await socket.send(piece)
                    self._sent.set()
            await socket.close()

    async def _waited(self) -> str | None:
        """Until there may be something to send. A keepalive, when that takes long."""
        try:
            async with asyncio.timeout(KEEPALIVE_S):
                await self._changed.wait()
        except TimeoutError:
            return KEEPALIVE
        return None

    async def _read(self) -> None:
        """All of the source, no faster than it is sent."""
        began, size = time.monotonic(), 0
        try:
            async with aclosing(_each(self._source)) as all_pieces:
                async for piece in all_pieces:
                    while self._talk.full and not self._done.is_set():
                        self._sent.clear()
                        await self._sent.wait()
                    if self._done.is_set():
                        return
                    self._talk.add(piece)
                    self._changed.set()
                    size += len(piece)
                    if self._paced and self._talk.bytes_per_second:
                        await self._rest_until(began + size / self._talk.bytes_per_second)
        except Exception as error:
            self._error = error
        finally:
            self._finish()

    async def _rest_until(self, due: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, due - time.monotonic())):
                await self._done.wait()

    def _finish(self) -> None:
        self._done.set()
        self._sent.set()
        self._talk.finish()
        self._changed.set()


async def _each(source: Iterable[bytes] | AsyncIterable[bytes]) -> AsyncGenerator[bytes, None]:
    """What is not asynchronous is waited for in a thread."""
    if isinstance(source, AsyncIterable):
        async for piece in source:
            yield piece
        return
    iterator = iter(source)
    try:
        while (following := await asyncio.to_thread(_following, iterator)) is not None:
            yield following
    finally:
        with suppress(ValueError, AttributeError):  # a thread is in it still; or it is no generator
            iterator.close()  # type: ignore[attr-defined]


def _following(iterator: Iterator[bytes]) -> bytes | None:
    return next(iterator, None)


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait([task])
