"""A server that answers as scripted, and a wire that breaks."""

import contextlib
import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

import pytest
from starlette.types import Receive, Scope, Send

from tests.support.api import serving

CUT = "cut"
"""Instead of an answer: the connection breaks."""


def failure(status: int, code: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
    body = {"error": f"This is {code}.", "code": code, "request_id": "r1"}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return status, {"content-type": "application/json", **named}, json.dumps(body).encode()


def answer(body: Any, **headers: str) -> tuple[int, dict[str, str], bytes]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return 200, {"content-type": "application/json", **named}, json.dumps(body).encode()


@dataclass
class Asked:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Scripted:
    """Gives its answers one after the other, the last one again and again, and remembers what it was asked."""

    answers: list[Any]
    asked: list[Asked] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        self.asked.append(Asked(scope["method"], scope["raw_path"].decode(), headers, body))
        given = self.answers[min(len(self.asked), len(self.answers)) - 1]
        if given == CUT:
            receive.__self__.transport.abort()  # type: ignore[attr-defined]
            return
        status, named, content = given
        raw = [(name.encode(), value.encode()) for name, value in named.items()]
        await send({"type": "http.response.start", "status": status, "headers": raw})
        await send({"type": "http.response.body", "body": content})

    @property
    def keys(self) -> list[str | None]:
        return [one.headers.get("idempotency-key") for one in self.asked]


Script = Callable[..., AbstractContextManager[tuple[Scripted, str]]]


@pytest.fixture(scope="module")
def scripted() -> Iterator[Script]:
    """Takes answers; gives the server that gives them, and its address."""
    server = Scripted([])
    with serving(server) as port:  # type: ignore[arg-type]

        @contextlib.contextmanager
        def give(*answers: Any) -> Iterator[tuple[Scripted, str]]:
            server.answers, server.asked = list(answers), []
            yield server, f"http://127.0.0.1:{port}"

        yield give


class Wire:
    """Passes connections on to ``port``. The n-th one breaks after ``lengths[n]`` bytes from the client."""

    def __init__(self, port: int, lengths: list[int]) -> None:
        self._port = port
        self._lengths = lengths
        self.connections = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._port))
                length = self._lengths[self.connections] if self.connections < len(self._lengths) else None
                self.connections += 1
                for source, sink, limit in ((client, server, length), (server, client, None)):
                    threading.Thread(target=_pass_on, args=(source, sink, limit), daemon=True).start()


def _pass_on(source: socket.socket, sink: socket.socket, limit: int | None) -> None:
    passed = 0
    with contextlib.suppress(OSError):
        while piece := source.recv(8192 if limit is None else min(8192, limit - passed)):
            sink.sendall(piece)
            passed += len(piece)
            if passed == limit:
                break
    for end in (source, sink):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def wire(port: int, *lengths: int) -> Iterator[Wire]:
    made = Wire(port, list(lengths))
    try:
        yield made
    finally:
        made.close()
