"""The audio's way from its source to the socket, in one event loop. `stt_ai.sdk.sync.feed` is the same for threads."""

import asyncio
import threading
import time
from collections.abc import AsyncGenerator, AsyncIterable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import aclosing, suppress
from contextvars import copy_context

from websockets.asyncio.client import ClientConnection

from stt_ai.sdk import sockets
from stt_ai.sdk.replay import KEEPALIVE, KEEPALIVE_S, ReplayBuffer

Source = Iterable[bytes] | AsyncIterable[bytes]


class AsyncFeed:
    """``paced``: audio is taken as fast as it is spoken. ``error``: what the source failed with."""

    def __init__(self, buffer: ReplayBuffer, paced: bool) -> None:
        self.buffer = buffer
        self.error: Exception | None = None
        self._paced = paced
        self._changed = asyncio.Event()
        self._sent = asyncio.Event()
        self._done = asyncio.Event()

    async def read(self, source: Source) -> None:
        """All of ``source``, no faster than it is sent."""
        began, size = time.monotonic(), 0
        try:
            async with aclosing(_each(source)) as pieces:
                async for piece in pieces:
                    while self.buffer.full and not self._done.is_set():
                        self._sent.clear()
                        await self._sent.wait()
                    if self._done.is_set():
                        return
                    self.buffer.add(piece)
                    self._changed.set()
                    size += len(piece)
                    if self._paced and self.buffer.bytes_per_second:
                        await self._rest_until(began + size / self.buffer.bytes_per_second)
        except Exception as error:
            self.error = error
        finally:
            self.finish()

    async def send(self, socket: ClientConnection) -> None:
        """Until it is cancelled, or the source fails."""
        with suppress(*sockets.NETWORK):  # the receiver meets it too
            while self.error is None:
                self._changed.clear()
                piece = self.buffer.next() or await self._waited()
                if piece is not None:
                    await socket.send(piece)
                    self._sent.set()
            await socket.close()

    def finish(self) -> None:
        """Say that no audio follows."""
        self._done.set()
        self._sent.set()
        self.buffer.finish()
        self._changed.set()

    def finalize(self) -> None:
        """Ask for the text of what was sent so far."""
        self.buffer.finalize()
        self._changed.set()

    async def _waited(self) -> str | None:
        """Until there may be something to send. A keepalive, when that takes long."""
        try:
            async with asyncio.timeout(KEEPALIVE_S):
                await self._changed.wait()
        except TimeoutError:
            return KEEPALIVE
        return None

    async def _rest_until(self, due: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, due - time.monotonic())):
                await self._done.wait()


async def ended(task: "asyncio.Task[None]") -> None:
    """It is cancelled, and over."""
    task.cancel()
    await asyncio.wait([task])


async def _each(source: Source) -> AsyncGenerator[bytes, None]:
    """What is not asynchronous is waited for in a thread."""
    if isinstance(source, AsyncIterable):
        async for piece in source:
            yield piece
        return
    iterator = iter(source)
    try:
        while (following := await _following(iterator)) is not None:
            yield following
    finally:
        with suppress(ValueError, AttributeError):  # a thread is in it still; or it is no generator
            iterator.close()  # type: ignore[attr-defined]


async def _following(iterator: Iterator[bytes]) -> bytes | None:
    """Not in the loop's own threads: its end would wait for them, and a source may be silent for ever."""
    found: Future[bytes | None] = Future()
    found.set_running_or_notify_cancel()

    def read() -> None:
        try:
            found.set_result(next(iterator, None))
        except BaseException as error:
            found.set_exception(error)

    threading.Thread(target=copy_context().run, args=(read,), name="stt-ai-audio", daemon=True).start()
    return await asyncio.wrap_future(found)
