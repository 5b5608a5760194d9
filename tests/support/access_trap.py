"""Proof that a hostile upload led nowhere: watches a folder's files for being opened, and a loopback port."""

import ctypes
import os
import socket
import struct
import threading
from pathlib import Path

_IN_OPEN = 0x20


class Trap:
    """A context. ``canary`` is a file that nothing has a reason to open, ``address`` one that nothing should call."""

    def __init__(self, folder: Path, content: bytes) -> None:
        self.folder = folder
        self.canary = folder / "canary.mov"
        self.canary.write_bytes(content)
        self.connections = 0

    def __enter__(self) -> "Trap":
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._watch = self._libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        assert self._libc.inotify_add_watch(self._watch, bytes(self.folder), _IN_OPEN) >= 0
        self._server = socket.create_server(("127.0.0.1", 0))
        port = self._server.getsockname()[1]
        self.address = f"http://127.0.0.1:{port}"
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        os.close(self._watch)

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            self.connections += 1
            connection.close()

    def opened(self) -> set[str]:
        """Names of the files in the folder that were opened since the last call, whoever did it."""
        names: set[str] = set()
        while True:
            try:
                events = os.read(self._watch, 1 << 16)
            except BlockingIOError:
                return names
            at = 0
            while at < len(events):
                (length,) = struct.unpack_from("I", events, at + 12)
                names.add(events[at + 16 : at + 16 + length].rstrip(b"\0").decode())
                at += 16 + length
