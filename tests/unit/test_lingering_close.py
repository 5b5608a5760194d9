"""An answer that leaves before its request's body has come can be read by who is still sending."""

import asyncio
from typing import Any

import pytest

from stt_ai.api.http.lingering_close import IDLE_S, SHORT_BYTES, LingeringClose
from tests.support.scripted_recognizer import in_virtual_time, now

Message = dict[str, Any]


async def refuse(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 503, "headers": []})
    await send({"type": "http.response.body", "body": b"full"})


class Connection:
    """A body of three pieces, which come when the test says so; and what was sent back."""

    def __init__(self) -> None:
        self.pieces: asyncio.Queue[Message] = asyncio.Queue()
        self.sent: list[Message] = []
        self.answered = asyncio.Event()

    def come(self, body: bytes = b"sound", more: bool = True) -> None:
        self.pieces.put_nowait({"type": "http.request", "body": body, "more_body": more})

    async def receive(self) -> Message:
        return await self.pieces.get()

    async def send(self, message: Message) -> None:
        self.sent.append(message)
        if message.get("body"):
            self.answered.set()

    @property
    def complete(self) -> bool:
        return self.sent[-1]["type"] == "http.response.body" and not self.sent[-1].get("more_body", False)


def serve(connection: Connection, *headers: tuple[bytes, bytes], **lingers: float) -> "asyncio.Task[None]":
    scope = {"type": "http", "headers": list(headers)}
    return asyncio.create_task(LingeringClose(refuse, **lingers)(scope, connection.receive, connection.send))


def test_all_of_a_short_body_is_awaited_after_the_answer_was_sent() -> None:
    async def main() -> None:
        connection = Connection()
        served = serve(connection, (b"content-length", str(SHORT_BYTES).encode()), linger=0.0, short_linger=20)
        await connection.answered.wait()
        for _ in range(3):
            connection.come()
            await asyncio.sleep(IDLE_S / 2)
            assert not served.done() and not connection.complete
        connection.come(more=False)
        await served
        assert connection.complete and connection.pieces.empty()
        assert now() == pytest.approx(3 * IDLE_S / 2)

    in_virtual_time(main())


def linger(*headers: tuple[bytes, bytes], pieces: bool, **lingers: float) -> float:
    """Seconds for which a body is awaited of which ``pieces`` come every second, or nothing."""

    async def main() -> float:
        connection = Connection()
        served = serve(connection, *headers, **lingers)
        while not served.done():
            if pieces:
                connection.come()
            await asyncio.wait([served], timeout=1)
        assert connection.complete
        return now()

    return in_virtual_time(main())


@pytest.mark.parametrize(
    "header",
    [
        (b"content-length", str(SHORT_BYTES + 1).encode()),
        (b"transfer-encoding", b"chunked"),
        (b"content-length", b"9" * 5000),
    ],
)
def test_of_a_long_one_only_what_comes_soon(header: tuple[bytes, bytes]) -> None:
    assert linger(header, pieces=True, linger=5, short_linger=60) == pytest.approx(5)


def test_a_short_one_that_does_not_end_is_not_awaited_for_ever() -> None:
    assert linger((b"content-length", b"5"), pieces=True, linger=5, short_linger=60) == pytest.approx(60)


def test_of_whom_nothing_comes_nothing_is_awaited() -> None:
    assert linger((b"content-length", b"5"), pieces=False, linger=5, short_linger=60) == pytest.approx(IDLE_S)


def test_who_leaves_is_not_awaited() -> None:
    async def main() -> float:
        connection = Connection()
        served = serve(connection, (b"content-length", b"5"), linger=60, short_linger=60)
        await connection.answered.wait()
        connection.pieces.put_nowait({"type": "http.disconnect"})
        await served
        return now()

    assert in_virtual_time(main()) == 0


async def test_what_is_no_request_passes() -> None:
    connection = Connection()
    passed = []

    async def app(*arguments: Any) -> None:
        passed.append(arguments)

    lifespan = ({"type": "lifespan"}, connection.receive, connection.send)
    await LingeringClose(app)(*lifespan)
    assert passed == [lifespan]
