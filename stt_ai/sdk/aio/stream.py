"""Live transcription for asyncio. `stt_ai.sdk.sync.stream` is the same for threads."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable
from contextlib import aclosing, suppress
from types import TracebackType
from typing import Any, Self

from websockets.asyncio.client import connect

from stt_ai.sdk import sockets
from stt_ai.sdk.aio.feed import AsyncFeed, Source, ended
from stt_ai.sdk.configuration import Configuration
from stt_ai.sdk.errors import SttAiError
from stt_ai.sdk.events import Ended, Event, Ready
from stt_ai.sdk.microphone import Microphone
from stt_ai.sdk.replay import ConnectionLost, ReplayBuffer, StreamParams
from stt_ai.sdk.sources import AsyncAudio, pieces
from stt_ai.sdk.sync.stream import DRAIN_S


class AsyncStream:
    """As `stt_ai.sdk.sync.stream.Stream`, to be iterated over with `async for` in the task that made it."""

    def __init__(self, configuration: Configuration, audio: AsyncAudio, options: StreamParams, paced: bool) -> None:
        wanted: dict[str, Any] = dict(options)
        self._source: Source
        self._source, live = (audio, True) if isinstance(audio, AsyncIterable) else pieces(audio, wanted)
        self._feed = AsyncFeed(ReplayBuffer(wanted), paced and not live)
        self._configuration = configuration
        self._events = self._run()
        self._begun = False

    @property
    def text(self) -> str:
        """Return the transcript so far."""
        return self._feed.buffer.text

    def stop(self) -> None:
        """Take no more audio. Events continue until all audio that was sent is transcribed."""
        if isinstance(self._source, Microphone):
            self._source.close()  # what it has recorded is sent still
        else:
            self._feed.finish()

    def finalize(self) -> None:
        """End the utterance now; a final with `from_finalize` answers."""
        self._feed.finalize()

    async def close(self) -> None:
        """Stop, and read the remaining events, for a few seconds at most."""
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
        reading = asyncio.create_task(self._feed.read(self._source))
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
                except ConnectionLost as lost:
                    failure = lost.failure
                if self._feed.error is not None:
                    raise self._feed.error
                await asyncio.sleep(attempts.wait(failure))
        finally:
            self.stop()
            await ended(reading)

    async def _connection(self) -> AsyncGenerator[Event, None]:
        """The events of one connection. Raises `ConnectionLost`."""
        try:
            async with connect(**sockets.arguments(self._configuration)) as socket:
                await socket.send(self._feed.buffer.begin())
                sending: asyncio.Task[None] | None = None
                try:
                    while not self._feed.buffer.ended:
                        event = self._feed.buffer.receive(await socket.recv())
                        if isinstance(event, Ready):
                            sending = asyncio.create_task(self._feed.send(socket))
                        if event is not None:
                            yield event
                finally:
                    if sending is not None:
                        await ended(sending)
        except sockets.NETWORK as error:
            failure = sockets.failure_of(error, self._configuration.base_url)
            if sockets.refused_for_good(failure):
                raise failure from error
            raise ConnectionLost(failure) from error
