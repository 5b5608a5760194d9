"""A TLS server that answers as a test says, and a canary that must never hear anything."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import BinaryIO

import trustme

from stt_ai.sources.addresses import AddressPolicy
from stt_ai.sources.client import CheckedClient
from stt_ai.sources.network import Resolve, resolve

LOOPBACK = ("127.0.0.0/8", "::1/128")


@cache
def authority() -> trustme.CA:
    return trustme.CA()


def trusting() -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority().configure_trust(context)
    return context


def client(
    networks: tuple[str, ...] = LOOPBACK, allow_http: bool = False, resolver: Resolve = resolve
) -> CheckedClient:
    return CheckedClient(AddressPolicy.of(networks, allow_http), ssl_context=trusting(), resolver=resolver)


@dataclass
class Exchange:
    """A request as it came: its first line, headers in lower case, and body."""

    line: str
    headers: dict[str, str]
    body: bytes


Reply = Callable[[Exchange], bytes | None]
"""What is sent back, byte for byte, before the connection is closed. None: nothing, until the caller gives up."""


def response(body: bytes = b"", status: int = 200, length: int | None = None, **headers: str) -> bytes:
    """``length``: what `Content-Length` claims, where it is not the body's."""
    lines = [f"HTTP/1.1 {status} -", f"Content-Length: {len(body) if length is None else length}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


@dataclass
class Server:
    """One thread, one connection at a time. ``connections`` counts also those that say nothing."""

    host: str
    port: int
    secure: bool
    replies: list[Reply] = field(default_factory=list)
    exchanges: list[Exchange] = field(default_factory=list)
    connections: int = 0

    def url(self, path: str = "/talk.mp3", host: str | None = None) -> str:
        return f"{'https' if self.secure else 'http'}://{host or self.host}:{self.port}{path}"


@contextlib.contextmanager
def serving(*replies: Reply, secure: bool = True, name: str = "localhost", port: int = 0) -> Iterator[Server]:
    """A server on the loopback that gives ``replies`` in turn, the last one again and again."""
    listener = socket.create_server(("127.0.0.1", port))
    server = Server(name, listener.getsockname()[1], secure, list(replies))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority().issue_cert(name).configure_cert(context)
    done = threading.Event()

    def serve() -> None:
        while True:
            connection, _ = listener.accept()
            if done.is_set():
                connection.close()
                return
            server.connections += 1
            with contextlib.suppress(OSError), connection:
                _answer(context.wrap_socket(connection, server_side=True) if secure else connection, server)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield server
    finally:
        done.set()
        socket.create_connection(listener.getsockname()).close()
        thread.join()
        listener.close()


def _answer(stream: socket.socket, server: Server) -> None:
    with stream, stream.makefile("rb") as file:
        _serve_one(stream, file, server)


def _serve_one(stream: socket.socket, file: BinaryIO, server: Server) -> None:
    line = file.readline().decode().strip()
    headers = {}
    while header := file.readline().strip():
        name, _, value = header.decode().partition(":")
        headers[name.lower()] = value.strip()
    body = file.read(int(headers.get("content-length", 0)))
    exchange = Exchange(line, headers, body)
    server.exchanges.append(exchange)
    reply = server.replies.pop(0) if len(server.replies) > 1 else server.replies[0]
    answer = reply(exchange)
    if answer is None:
        file.read()  # until the other side gives up
    else:
        stream.sendall(answer)


def giving(answer: bytes | None) -> Reply:
    return lambda exchange: answer
