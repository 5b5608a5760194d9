"""A live session that writes a word for every second, and a client that talks to it over a real socket."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from fastapi import FastAPI
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from stt_ai.api.app import create_app
from stt_ai.api.services import ApiConfig, Services
from stt_ai.api.stream.limits import StreamLimits
from stt_ai.api.stream.services import LiveServices
from stt_ai.engines import live_audio
from stt_ai.errors import SttError
from stt_ai.streaming.config import LiveConfig
from stt_ai.streaming.events import Event, Final, Partial
from stt_ai.types import SAMPLE_RATE, LoadedModel, Samples, Word
from tests.support.api import PATIENCE, Fixed, FourModels, Recorder, serving

UTTERANCE_S = 3
SECOND = b"\x01\x00" * SAMPLE_RATE


class EverySecond:
    """A live session. In second n of the stream the word `w<n>` is said; three of them make an utterance.

    ``gate``: transcribes only while it is set. ``fails``: raised by the sample that it names.
    """

    def __init__(self, config: LiveConfig, start: int, segment_id: int, made: "Sessions") -> None:
        self.config = config
        self.made = made
        self.position = self._decided = self.last_final_end = start
        self.received: list[Samples] = []
        self._segment_id = segment_id
        self._events: asyncio.Queue[Event | Exception | None] = asyncio.Queue()
        self._seq = 0
        self.closed = False

    @property
    def received_samples(self) -> int:
        return self.position

    async def start(self) -> LoadedModel:
        if self.made.unready:
            raise self.made.unready
        return self.made.model or LoadedModel(f"fake-{self.config.model}", demo=True)

    async def feed(self, samples: Samples) -> None:
        assert samples.dtype == np.int16 and samples.ndim == 1 and not self.closed
        await self.made.gate.wait()
        self.received.append(samples)
        before, self.position = self.position, self.position + len(samples)
        if self.made.fails is not None and self.position >= self.made.fails[0]:
            self._events.put_nowait(self.made.fails[1])
            raise self.made.fails[1]
        for second in range(-(-before // SAMPLE_RATE), -(-self.position // SAMPLE_RATE)):
            if (second + 1) % UTTERANCE_S == 0:
                self._tell((second + 1) * SAMPLE_RATE)
            elif self.config.interim_results:
                self._events.put_nowait(
                    Partial(self._text(second + 1), self.last_final_end / SAMPLE_RATE, self._seq, 0)
                )
                self._seq += 1

    async def finalize(self) -> None:
        self._tell(self.position, from_finalize=True)

    async def stop(self) -> None:
        if self.position > self._decided:
            self._tell(self.position)
        self._events.put_nowait(None)

    async def events(self) -> AsyncIterator[Event]:
        while (event := await self._events.get()) is not None:
            if isinstance(event, Exception):
                raise event
            if isinstance(event, Final):
                self.last_final_end = max(self.last_final_end, round(event.end * SAMPLE_RATE))
            yield event

    async def aclose(self) -> None:
        self.closed = True

    def _text(self, until: int) -> str:
        return " ".join(f"w{second}" for second in range(-(-self._decided // SAMPLE_RATE), until))

    def _tell(self, end: int, from_finalize: bool = False) -> None:
        first, last = self._decided / SAMPLE_RATE, end / SAMPLE_RATE
        text = self._text(-(-end // SAMPLE_RATE))
        words = tuple(Word(f" {word}", first, last, 0.9) for word in text.split())
        shown = words if self.config.word_timestamps else ()
        final = Final(text, first, last, shown, self._segment_id, "en", not from_finalize, from_finalize)
        self._events.put_nowait(final)
        self._decided = end
        self._segment_id += 1


@dataclass
class Sessions:
    """Makes them, and remembers those that it made."""

    all: list[EverySecond] = field(default_factory=list)
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    fails: tuple[int, Exception] | None = None
    unready: SttError | None = None
    model: LoadedModel | None = None

    def __post_init__(self) -> None:
        self.gate.set()

    def go_on(self) -> None:
        """Opens the gate; to be called from another thread than that which transcribes."""
        self._loop.call_soon_threadsafe(self.gate.set)

    def open(self, config: LiveConfig, start: int, segment_id: int) -> Any:
        self._loop = asyncio.get_running_loop()
        self.all.append(EverySecond(config, start, segment_id, self))
        return self.all[-1]


def live_app(directory: Path, sessions: Sessions, billing: Any = None, **limits: Any) -> FastAPI:
    live = LiveServices(sessions.open, live_audio.decode, StreamLimits(**limits))
    config = ApiConfig(directory, "large-v3-turbo")
    return create_app(Services(Recorder(), FourModels(), Fixed(), config, billing=billing, live=live))


class Client:
    """One connection."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    def send(self, **message: Any) -> None:
        self.socket.send(json.dumps(message))

    def audio(self, seconds: float = 1.0) -> None:
        data = SECOND[:2] * round(seconds * SAMPLE_RATE)
        for start in range(0, len(data), 800_000):
            self.socket.send(data[start : start + 800_000])

    def read(self, timeout: float = PATIENCE) -> dict[str, Any]:
        return dict(json.loads(self.socket.recv(timeout=timeout)))

    def ready(self, **config: Any) -> dict[str, Any]:
        self.send(**config)
        message = self.read()
        assert message.get("status") == "ready", message
        return message

    def until(self, met: Callable[[dict[str, Any]], bool], timeout: float = PATIENCE) -> list[dict[str, Any]]:
        """Messages up to the one that is awaited."""
        messages = [self.read(timeout)]
        while not met(messages[-1]):
            messages.append(self.read(timeout))
        return messages

    def rest(self, timeout: float = PATIENCE) -> tuple[list[dict[str, Any]], int]:
        """All messages until the server closes, and the code."""
        messages = []
        with contextlib.suppress(ConnectionClosed):
            while True:
                messages.append(self.read(timeout))
        assert self.socket.protocol.close_rcvd is not None, "no close frame came"
        return messages, int(self.socket.protocol.close_rcvd.code)

    def stop(self, timeout: float = PATIENCE) -> tuple[list[dict[str, Any]], int]:
        self.send(action="stop")
        return self.rest(timeout)


@contextlib.contextmanager
def connected(
    port: int, key: str | None = None, token: str | None = None, request_id: str | None = None, **options: Any
) -> Iterator[Client]:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    headers |= {"X-Request-ID": request_id} if request_id else {}
    query = f"?token={token}" if token else ""
    with connect(
        f"ws://127.0.0.1:{port}/v1/stream{query}",
        additional_headers=headers,
        max_size=None,
        open_timeout=PATIENCE,
        **options,
    ) as socket:
        yield Client(socket)


def connection_of(key: str | None = None) -> dict[str, Any]:
    """The ASGI scope of a client's connection, for tests that are the server themselves."""
    return {
        **{"type": "websocket", "path": "/v1/stream", "raw_path": b"/v1/stream", "query_string": b""},
        **{"headers": [(b"authorization", f"Bearer {key}".encode())] if key else [], "client": ("192.0.2.1", 1)},
        **{"extensions": {"websocket.http.response": {}}, "subprotocols": [], "scheme": "ws", "server": ("here", 80)},
        "root_path": "",
    }


def refusal(port: int, key: str | None = None, token: str | None = None) -> tuple[int, Any, dict[str, Any]]:
    """Status, headers and JSON of a connection that is refused."""
    try:
        with connected(port, key, token):
            raise AssertionError("the connection was accepted")
    except InvalidStatus as error:
        return error.response.status_code, error.response.headers, json.loads(error.response.body or b"")


def texts(messages: list[dict[str, Any]]) -> str:
    return " ".join(message["text"] for message in messages if message.get("text"))


def said(seconds: int, first: int = 0) -> str:
    return " ".join(f"w{second}" for second in range(first, seconds))


__all__ = ["Client", "Sessions", "connected", "connection_of", "live_app", "refusal", "said", "serving", "texts"]
