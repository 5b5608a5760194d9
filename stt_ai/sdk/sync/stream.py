"""Live transcription for programs that wait. One thread reads the audio, one sends it; the caller's own hears."""

import socket
import threading
import time
from collections.abc import Generator, Iterator
from contextlib import closing, suppress
from types import TracebackType
from typing import Any, Self

from websockets.sync.client import ClientConnection, connect

from stt_ai.sdk import sockets
from stt_ai.sdk.configuration import Configuration
from stt_ai.sdk.errors import ConnectionFailed, SttAiError
from stt_ai.sdk.events import Ended, Event, Ready
from stt_ai.sdk.microphone import Microphone
from stt_ai.sdk.replay import ConnectionLost, ReplayBuffer, StreamParams
from stt_ai.sdk.sources import Audio, pieces
from stt_ai.sdk.sync.feed import Feed

DRAIN_S = 10.0
"""Seconds that the last texts may take to come when a stream is left early."""


class Stream:
    """Events of one stream: `Ready`, then partials and finals, and `Ended` last.

    A connection that breaks is made again, and goes on without losing or repeating text. As a context manager it is
    stopped when it is left, and what was still to come is read: `text` is whole then. Raises `StreamClosed`,
    `ConnectionFailed`, or what the service refuses it for; and what the audio's source raises.
    """

    def __init__(self, configuration: Configuration, audio: Audio, options: StreamParams, paced: bool) -> None:
        wanted: dict[str, Any] = dict(options)
        self._source, live = pieces(audio, wanted)
        self._feed = Feed(ReplayBuffer(wanted), paced and not live)
        self._configuration = configuration
        self._deadline: float | None = None
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

    def close(self) -> None:
        """Stop, and read the remaining events, for a few seconds at most."""
        self.stop()
        if self._begun:
            self._deadline = time.monotonic() + DRAIN_S
            with suppress(SttAiError):
                for _ in self:
                    pass
        self._events.close()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Event:
        self._begun = True
        return next(self._events)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.close()
        self.stop()
        self._events.close()

    def _run(self) -> Generator[Event, None, None]:
        threading.Thread(target=self._feed.read, args=(self._source,), name="stt-ai-audio", daemon=True).start()
        attempts = sockets.attempts(self._configuration)
        try:
            while True:
                try:
                    with closing(self._connection()) as events:
                        for event in events:
                            yield event
                            if isinstance(event, Ended):
                                return
                            if not isinstance(event, Ready):
                                attempts = sockets.attempts(self._configuration)
                except ConnectionLost as lost:
                    failure = lost.failure
                self._feed.check()
                self._rest(attempts.wait(failure))
        finally:
            self.stop()
            self._feed.leave()

    def _connection(self) -> Generator[Event, None, None]:
        """The events of one connection. Raises `ConnectionLost`."""
        address = self._configuration.base_url
        try:
            with connect(**sockets.arguments(self._configuration)) as connection:
                turn, config = self._feed.begin()
                connection.send(config)
                sender = threading.Thread(
                    target=self._feed.send, args=(connection, turn), name="stt-ai-sender", daemon=True
                )
                try:
                    for event in self._heard(connection):
                        if isinstance(event, Ready):
                            sender.start()
                        yield event
                finally:
                    self._feed.cut()
                    if not self._feed.buffer.ended:
                        _break(connection)
                    connection.close()
                    if sender.ident is not None:
                        sender.join()
        except sockets.NETWORK as error:
            failure = sockets.failure_of(error, address)
            if sockets.refused_for_good(failure):
                raise failure from error
            raise ConnectionLost(failure) from error

    def _heard(self, connection: ClientConnection) -> Iterator[Event]:
        while not self._feed.buffer.ended:
            left = None if self._deadline is None else max(0.0, self._deadline - time.monotonic())
            event = self._feed.receive(connection.recv(timeout=left))
            if event is not None:
                yield event

    def _rest(self, seconds: float) -> None:
        if self._deadline is not None and time.monotonic() + seconds > self._deadline:
            raise ConnectionFailed("The stream could not be ended in time.")
        time.sleep(seconds)


def _break(connection: ClientConnection) -> None:
    """Whoever sends on it stops waiting for the service to read."""
    with suppress(OSError):
        connection.socket.shutdown(socket.SHUT_RDWR)
