"""Backpressure on bodies: what waits unread stays bounded, however slow the reader."""

import asyncio
from typing import Any

from stt_ai.api.http.backpressure import MAX_UNREAD, CountReads, HoldBack

PIECE = 64 * 1024


class Server:
    """An HTTP server's side: has ``pieces`` of body ready at any time, and counts what it was asked for."""

    def __init__(self, pieces: int) -> None:
        self.left = pieces
        self.given = 0

    async def receive(self) -> dict[str, Any]:
        self.left -= 1
        self.given += PIECE
        return {"type": "http.request", "body": b"x" * PIECE, "more_body": self.left > 0}


async def greedy(scope: Any, receive: Any, send: Any, app: Any) -> None:
    """Stands where Serve does: fetches everything it is given into a queue, while the app reads from it."""
    queue: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    async def fetch() -> None:
        while True:
            message = await receive()
            queue.put_nowait(message)
            if not message["more_body"]:
                return

    async with asyncio.TaskGroup() as group:
        group.create_task(fetch())
        group.create_task(app(scope, queue.get, send))


async def test_an_app_that_does_not_read_holds_the_server_back() -> None:
    server = Server(pieces=1000)
    begun, go_on = asyncio.Event(), asyncio.Event()
    read = 0

    async def reader(scope: Any, receive: Any, send: Any) -> None:
        nonlocal read
        begun.set()
        await go_on.wait()
        more = True
        while more:
            message = await receive()
            more = message["more_body"]
            read += len(message["body"])
            assert server.given - read <= MAX_UNREAD + 2 * PIECE

    app = CountReads(reader)

    async def between(scope: Any, receive: Any, send: Any) -> None:
        await greedy(scope, receive, send, app)

    task = asyncio.create_task(HoldBack(between)({"type": "http"}, server.receive, None))
    await begun.wait()
    for _ in range(2000):  # as many turns as the server would need to give everything
        await asyncio.sleep(0)
    assert server.given <= MAX_UNREAD + 2 * PIECE
    go_on.set()
    await task
    assert read == 1000 * PIECE


async def test_without_the_server_side_the_app_reads_as_ever() -> None:
    async def reader(scope: Any, receive: Any, send: Any) -> None:
        assert len((await receive())["body"]) == PIECE

    await CountReads(reader)({"type": "http"}, Server(1).receive, None)
