"""Clients that send faster than they are transcribed, or read nothing: held back, and held off, with memory bounded.

The app runs in an event loop of its own behind a queue without bounds, as Ray Serve runs it.
"""

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.exceptions import ConnectionClosed

from stt_ai.api.http.backpressure import CountReads, HoldBack
from stt_ai.api.stream import backpressure as stream_backpressure
from stt_ai.api.stream import protocol
from stt_ai.streaming.config import MAX_MESSAGE_BYTES
from stt_ai.streaming.events import Final
from tests.support.api import PATIENCE, eventually
from tests.support.stream_client import Sessions, connected, live_app, said, serving, texts


class LikeServe:
    """Runs ``app`` in another thread's event loop, with everything that comes and goes in unbounded queues."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        self.received = self.queued = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        here, incoming, outgoing = asyncio.get_running_loop(), asyncio.Queue[Any](), asyncio.Queue[Any]()

        async def take() -> Any:
            return await incoming.get()

        async def give(message: Any) -> None:
            here.call_soon_threadsafe(outgoing.put_nowait, message)

        async def fetch() -> None:
            while True:
                message = await receive()
                self.received += len(message.get("bytes") or b"")
                self.loop.call_soon_threadsafe(incoming.put_nowait, message)
                if message["type"] == "websocket.disconnect":
                    return

        async def forward() -> None:
            while True:
                message = await outgoing.get()
                self.queued = max(self.queued, outgoing.qsize())
                await send(message)
                outgoing.task_done()

        fetching, forwarding = asyncio.create_task(fetch()), asyncio.create_task(forward())
        working = asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self.app(scope, take, give), self.loop))
        await asyncio.wait([working])
        await asyncio.wait([asyncio.create_task(outgoing.join())], timeout=0.5)
        for task in (fetching, forwarding):
            task.cancel()


@contextmanager
def served(app: Any, server_side: bool = True) -> Iterator[tuple[int, LikeServe]]:
    middle = LikeServe(CountReads(app))
    with serving(HoldBack(middle) if server_side else middle) as port:  # type: ignore[arg-type]
        yield port, middle
    middle.loop.call_soon_threadsafe(middle.loop.stop)
    middle.thread.join(10)


def closed_gate(sessions: Sessions, middle: LikeServe, is_open: bool) -> None:
    middle.loop.call_soon_threadsafe(sessions.gate.set if is_open else sessions.gate.clear)


def test_the_protocol_works_through_the_queues(tmp_path: Path) -> None:
    with served(live_app(tmp_path, Sessions())) as (port, _), connected(port) as client:
        client.ready()
        client.audio(7)
        messages, code = client.stop()
    assert (texts(messages), code) == (said(7), 1000)


def test_a_client_that_is_far_too_fast_is_held_back_and_transcribed_to_the_end(tmp_path: Path) -> None:
    sessions = Sessions()
    with served(live_app(tmp_path, sessions)) as (port, middle), connected(port, compression=None) as client:
        client.ready(interim_results=False)
        closed_gate(sessions, middle, is_open=False)
        sent = 0

        def send() -> None:
            nonlocal sent
            for _ in range(120):
                client.audio(15)
                sent += 480_000
            client.send(action="stop")

        sender = threading.Thread(target=send)
        sender.start()
        assert eventually(lambda: middle.received > stream_backpressure.MAX_UNREAD)
        held = sent
        assert eventually(lambda: _still(lambda: sent), 10), "the client was never held back"
        assert middle.received <= stream_backpressure.MAX_UNREAD + 2 * 480_000
        assert held <= sent < 57_000_000
        closed_gate(sessions, middle, is_open=True)
        messages, code = client.rest()
        sender.join()
    assert (texts(messages), code, messages[-1]["duration"]) == (said(1800), 1000, 1800.0)


@pytest.mark.parametrize("content", [{"bytes": b""}, {"bytes": b"x"}, {"text": ""}])
async def test_messages_that_hold_next_to_nothing_are_held_back_too(content: dict[str, Any]) -> None:
    given, read, limit = 0, 0, 2000
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def reader(scope: Any, receive: Any, send: Any) -> None:
        nonlocal read
        begun.set()
        await go_on.wait()
        while (await receive())["type"] != "websocket.disconnect":
            read += 1

    async def endless() -> Any:
        nonlocal given
        given += 1
        return {"type": "websocket.receive", **content} if given <= limit else {"type": "websocket.disconnect"}

    app = CountReads(reader)

    async def greedy(scope: Any, receive: Any, send: Any) -> None:
        queue: asyncio.Queue[Any] = asyncio.Queue()

        async def fetch() -> None:
            message: Any = {"type": ""}
            while message["type"] != "websocket.disconnect":
                queue.put_nowait(message := await receive())

        async with asyncio.TaskGroup() as group:
            group.create_task(fetch())
            group.create_task(app(scope, queue.get, send))

    task = asyncio.create_task(HoldBack(greedy)({"type": "websocket"}, endless, None))  # type: ignore[arg-type]
    await begun.wait()
    for _ in range(2 * limit):  # as many turns as it would take to give everything
        await asyncio.sleep(0)
    assert given <= stream_backpressure.MAX_UNREAD // stream_backpressure.MESSAGE_COST + 2
    go_on.set()
    await task
    assert read == limit


def _still(value: Any) -> bool:
    before = value()
    threading.Event().wait(0.3)
    return bool(before == value())


def test_a_held_back_client_is_not_given_up_for_its_pong(tmp_path: Path) -> None:
    """uvicorn pings, and the pong waits behind audio that nobody reads."""
    sessions, protocols = Sessions(), []

    async def watched(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "websocket":
            protocols.append(receive.__self__)
        await HoldBack(middle)(scope, receive, send)

    middle = LikeServe(CountReads(live_app(tmp_path, sessions)))
    with serving(watched) as port, connected(port) as client:  # type: ignore[arg-type]
        client.ready()
        (protocol,) = protocols
        # What uvicorn looks at when it sends a ping: without it there is no deadline for the answer.
        assert protocol.ping_timeout is None
        assert protocol.ping_timer is not None
    middle.loop.call_soon_threadsafe(middle.loop.stop)


def test_a_client_that_never_reads_is_closed_and_nothing_piles_up(tmp_path: Path) -> None:
    sessions = Sessions()
    app = live_app(tmp_path, sessions, slow_client_s=0.5, idle_timeout_s=60.0)
    with served(app) as (port, middle), connected(port, compression=None, max_queue=1) as client:
        client.ready()
        (session,) = sessions.all
        long = Final("word " * 20_000, 0, 1, (), 0, "en", True)
        for _ in range(400):
            middle.loop.call_soon_threadsafe(session._events.put_nowait, long)
        assert eventually(lambda: session.closed, 20)
        assert middle.queued <= 3
        assert session._events.qsize() > 200
        with pytest.raises(ConnectionClosed):  # once it has read what was under way
            while True:
                client.read()


def test_where_nothing_can_be_held_back_a_client_far_ahead_is_told_and_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As behind Serve's Python proxy, which keeps what comes in a process of its own."""
    monkeypatch.setattr(stream_backpressure, "MAX_HOARDED", 3_000_000)
    sessions = Sessions()
    with served(live_app(tmp_path, sessions), server_side=False) as (port, middle):
        with connected(port) as client:
            client.ready(interim_results=False)
            client.audio(60)
            client.until(lambda message: message.get("end") == 60.0)
            closed_gate(sessions, middle, is_open=False)
            try:
                for _ in range(20):
                    client.audio(20)
            except ConnectionClosed:
                pass
            messages, code = client.rest()
        assert (messages[-1]["code"], code) == ("too_fast", 4003)
        closed_gate(sessions, middle, is_open=True)
        assert eventually(lambda: sessions.all[0].closed)


async def test_what_is_sent_to_a_client_that_has_gone_is_no_failure() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "websocket.send", "text": "hello"})
        assert (await receive())["type"] == "websocket.disconnect"

    async def receive() -> Any:
        return {"type": "websocket.disconnect", "code": 1006}

    async def send(message: Any) -> None:
        raise ConnectionResetError

    await HoldBack(CountReads(app))({"type": "websocket"}, receive, send)


def test_a_client_that_leaves_while_it_is_held_back_leaves_nothing(tmp_path: Path) -> None:
    sessions = Sessions()
    with served(live_app(tmp_path, sessions)) as (port, middle):
        with connected(port) as client:
            client.ready()
            closed_gate(sessions, middle, is_open=False)
            client.audio(40)
            client.socket.socket.close()
        closed_gate(sessions, middle, is_open=True)
        assert eventually(lambda: sessions.all[0].closed)
        assert sum(map(len, sessions.all[0].received)) <= 40 * 16000


# What uvicorn holds by itself, before anything reaches the queues.

ZERO_MASK = bytes(4)
PING = b"\x89\xfd" + ZERO_MASK + bytes(125)
FIRST_FRAGMENT, FRAGMENT = b"\x01\x80" + ZERO_MASK, b"\x00\x80" + ZERO_MASK


@contextmanager
def raw(port: int) -> Iterator[socket.socket]:
    """A connection that reads nothing, but for the head of the answer."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection:
        connection.sendall(
            b"GET /v1/stream HTTP/1.1\r\nHost: here\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        )
        assert connection.recv(12) == b"HTTP/1.1 101"
        yield connection


def test_messages_are_not_compressed_though_the_client_offers_it(tmp_path: Path) -> None:
    with served(live_app(tmp_path, Sessions())) as (port, _), connected(port, compression="deflate") as client:
        assert client.socket.protocol.extensions == []
        client.ready()
        client.audio(3)
        assert texts(client.stop()[0]) == said(3)


def test_a_message_that_is_far_too_large_is_refused_at_its_head_and_another_in_words(tmp_path: Path) -> None:
    with served(live_app(tmp_path, Sessions())) as (port, _):
        with connected(port) as client:
            client.ready()
            client.socket.send(bytes(MAX_MESSAGE_BYTES))
            messages, code = client.rest()
            assert (messages[-1]["code"], code) == ("frame_too_large", 1009)
        with raw(port) as connection:
            connection.sendall(b"\x82\xff" + (MAX_MESSAGE_BYTES + 1).to_bytes(8, "big") + ZERO_MASK)
            answer = b""
            while piece := connection.recv(4096):
                answer += piece
            assert (1009).to_bytes(2, "big") in answer


def test_what_was_said_before_a_message_that_is_far_too_large_is_told(tmp_path: Path) -> None:
    with served(live_app(tmp_path, Sessions())) as (port, _), connected(port) as client:
        client.ready(interim_results=False)
        client.audio(2)
        with suppress(ConnectionClosed):
            client.socket.send(bytes(3 * MAX_MESSAGE_BYTES))
        messages, code = client.rest()
        assert texts(messages) == said(2)
        assert (messages[-1]["code"], messages[-1]["offset"], code) == ("frame_too_large", 2.0, 1009)


@pytest.mark.parametrize(
    ("first", "flood", "limit"),
    [(b"", PING, 40_000_000), (FIRST_FRAGMENT, FRAGMENT, 3_000_000)],
    ids=["pings whose pongs nobody reads", "fragments of a message without end"],
)
def test_what_is_no_message_cannot_pile_up_either(first: bytes, flood: bytes, limit: int, tmp_path: Path) -> None:
    piece = flood * 1000
    with served(live_app(tmp_path, Sessions(), config_timeout_s=1e6)) as (port, _), raw(port) as connection:
        connection.sendall(first)
        with suppress(ConnectionError):
            for _ in range(limit // len(piece)):
                connection.sendall(piece)
            while connection.recv(1_000_000):  # it times out where the connection is still open
                pass


class RenamedProtocol(WebSocketsSansIOProtocol):
    """A later uvicorn's, whose connection has another name."""

    def __init__(self) -> None:
        pass

    async def receive(self) -> Any:
        pass


def test_a_uvicorn_whose_connections_cannot_be_limited_is_noticed(caplog: pytest.LogCaptureFixture) -> None:
    protocol._log_unknown_protocol.cache_clear()
    for _ in range(2):
        protocol.restrain(RenamedProtocol().receive)
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    protocol.restrain(asyncio.Queue[Any]().get)  # another server's, or none
    assert len(caplog.records) == 1
