"""The audio's way from the thread that reads it to the one that sends it."""

import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection

from stt_ai.sdk.events import Event
from stt_ai.sdk.replay import KEEPALIVE, KEEPALIVE_S, ReplayBuffer


class Feed:
    """Guards a `ReplayBuffer` for three threads. ``paced``: audio is taken as fast as it is spoken."""

    def __init__(self, buffer: ReplayBuffer, paced: bool) -> None:
        self.buffer = buffer
        self._paced = paced
        self._changed = threading.Condition()
        self._turn = 0
        self._done = False
        self._error: Exception | None = None

    def read(self, source: Iterable[bytes]) -> None:
        """In the thread that reads: all of ``source``, no faster than it is sent."""
        try:
            iterator = iter(source)
            try:
                self._take(iterator)
            finally:
                close = getattr(iterator, "close", None)
                if close is not None:
                    close()
        except Exception as error:
            self._error = error
        finally:
            self.finish()

    def _take(self, iterator: Iterator[bytes]) -> None:
        began, size = time.monotonic(), 0
        for piece in iterator:
            with self._changed:
                self._changed.wait_for(lambda: self._done or not self.buffer.full)
                if self._done:
                    return
                self.buffer.add(piece)
                self._changed.notify_all()
            size += len(piece)
            if self._paced and self.buffer.bytes_per_second:
                due = began + size / self.buffer.bytes_per_second
                with self._changed:
                    self._changed.wait_for(lambda: self._done, max(0.0, due - time.monotonic()))

    def send(self, socket: ClientConnection, turn: int) -> None:
        """In the thread that sends: until the connection of this ``turn`` is cut."""
        with suppress(ConnectionClosed, OSError):  # the reader meets it too
            while (piece := self._next(turn)) is not None:
                socket.send(piece)
            if self._error is not None:
                socket.close()

    def _next(self, turn: int) -> bytes | str | None:
        with self._changed:
            while turn == self._turn and self._error is None:
                piece = self.buffer.next()
                if piece is not None:
                    self._changed.notify_all()
                    return piece
                if not self._changed.wait(KEEPALIVE_S):
                    return KEEPALIVE
        return None

    def begin(self) -> tuple[int, str]:
        """The turn of a new connection, and its first message."""
        with self._changed:
            self._turn += 1
            return self._turn, self.buffer.begin()

    def receive(self, message: str | bytes) -> Event | None:
        """Return the event in ``message``, or None where it is none of the caller's."""
        with self._changed:
            return self.buffer.receive(message)

    def cut(self) -> None:
        """The connection is gone: nobody sends on it any more."""
        with self._changed:
            self._turn += 1
            self._changed.notify_all()

    def check(self) -> None:
        """Raises what the source failed with."""
        if self._error is not None:
            raise self._error

    def finish(self) -> None:
        """Say that no audio follows."""
        with self._changed:
            self._done = True
            self.buffer.finish()
            self._changed.notify_all()

    def finalize(self) -> None:
        """Ask for the text of what was sent so far."""
        with self._changed:
            self.buffer.finalize()
            self._changed.notify_all()

    def leave(self) -> None:
        """Nothing is read or sent any more."""
        self.finish()
        self.cut()
