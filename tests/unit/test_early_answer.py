"""An answer that leaves before its request's body has come can be read by who is still sending."""

import asyncio
from typing import Any

import pytest

from stt_ai.api.early_answer import SHORT_BYTES, EarlyAnswer

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
    return asyncio.create_task(EarlyAnswer(refuse, **lingers)(scope, connection.receive, connection.send))


async def test_all_of_a_short_body_is_awaited_after_the_answer_was_sent() -> None:
    connection = Connection()
    served = serve(connection, (b"content-length", str(SHORT_BYTES).encode()), linger=0.0, short_linger=20)
    await connection.answered.wait()
    for _ in range(3):
        connection.come()
        await asyncio.sleep(0)  # lets it read
        assert not served.done() and not connection.complete
    connection.come(more=False)
    await asyncio.wait_for(served, 10)
    assert connection.complete and connection.pieces.empty()


@pytest.mark.parametrize(
    "header",
    [
        (b"content-length", str(SHORT_BYTES + 1).encode()),
        (b"transfer-encoding", b"chunked"),
        (b"content-length", b"9" * 5000),
    ],
)
async def test_of_a_long_one_only_what_comes_soon(header: tuple[bytes, bytes]) -> None:
    connection = Connection()
    await asyncio.wait_for(serve(connection, header, linger=0.01, short_linger=60), 10)
    assert connection.complete


async def test_a_short_one_that_does_not_come_is_not_awaited_for_ever() -> None:
    connection = Connection()
    await asyncio.wait_for(serve(connection, (b"content-length", b"5"), linger=60, short_linger=0.01), 10)
    assert connection.complete


async def test_who_leaves_is_not_awaited() -> None:
    connection = Connection()
    served = serve(connection, (b"content-length", b"5"), linger=60, short_linger=60)
    await connection.answered.wait()
    connection.pieces.put_nowait({"type": "http.disconnect"})
    await asyncio.wait_for(served, 10)


async def test_what_is_no_request_passes() -> None:
    connection = Connection()
    passed = []

    async def app(*arguments: Any) -> None:
        passed.append(arguments)

    lifespan = ({"type": "lifespan"}, connection.receive, connection.send)
    await EarlyAnswer(app)(*lifespan)
    assert passed == [lifespan]
