"""Stands before a service and breaks connections."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass
class CuttingProxy:
    """``received``: bytes that clients have sent through it."""

    url: str
    received: int = 0


@contextlib.contextmanager
def cutting(url: str, *limits: int) -> Iterator[CuttingProxy]:
    """A proxy to the service at ``url``. The first connections end after ``limits`` bytes of the client's."""
    service = urlsplit(url)
    listener = socket.create_server(("127.0.0.1", 0))
    proxy = CuttingProxy(f"http://127.0.0.1:{listener.getsockname()[1]}")
    left, threads = list(limits), []

    def forward(client: socket.socket, limit: float) -> None:
        with client, socket.create_connection((service.hostname or "", service.port or 80)) as upstream:
            answers = threading.Thread(target=_answer, args=(upstream, client))
            answers.start()
            with contextlib.suppress(OSError):
                while limit > 0 and (data := client.recv(65536)):
                    limit -= len(data)
                    proxy.received += len(data)
                    upstream.sendall(data)
            with contextlib.suppress(OSError):
                upstream.shutdown(socket.SHUT_WR)  # what came arrives whole; then the line is dead
                client.shutdown(socket.SHUT_RDWR)
            answers.join()

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = listener.accept()
                thread = threading.Thread(target=forward, args=(client, left.pop(0) if left else float("inf")))
                thread.start()
                threads.append(thread)

    accepting = threading.Thread(target=accept)
    accepting.start()
    try:
        yield proxy
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for thread in [accepting, *threads]:
            thread.join()


def _answer(upstream: socket.socket, client: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := upstream.recv(65536):
            client.sendall(data)
