"""A package index on the loopback, models in wheels of a few kilobytes, and the ways in which the index can fail."""

import hashlib
import io
import random
import threading
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Self

from stt_ai.models.packaged import PackagedFile, PackagedModel, Wheel

VERSION = "1.0.0"


def wheel(project: str, members: Mapping[str, bytes]) -> bytes:
    """A wheel that holds ``members`` and what every wheel must have."""
    name = project.replace("-", "_")
    info = f"{name}-{VERSION}.dist-info"
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, data in members.items():
            archive.writestr(member, data)
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {project}\nVersion: {VERSION}\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return content.getvalue()


def in_packages(
    files: Mapping[str, bytes], label: str = "small-model", wheels: int = 2, convert: str | None = None
) -> tuple[PackagedModel, dict[str, bytes]]:
    """A model of ``files``, each cut into as many parts as there are wheels; and the wheels by their projects."""
    projects = [f"{label}-{number}" for number in range(1, wheels + 1)]
    members: dict[str, dict[str, bytes]] = {project: {} for project in projects}
    described = []
    for name, content in files.items():
        step = -(-len(content) // wheels)
        parts = []
        for number, project in enumerate(projects):
            member = f"{project.replace('-', '_')}/data/{name}.part{number + 1}"
            members[project][member] = content[number * step : (number + 1) * step]
            parts.append((project, member))
        described.append(PackagedFile(name, len(content), hashlib.sha256(content).hexdigest(), tuple(parts)))
    made = {project: wheel(project, members[project]) for project in projects}
    described_wheels = tuple(
        Wheel(project, VERSION, len(content), hashlib.sha256(content).hexdigest()) for project, content in made.items()
    )
    model = PackagedModel(label, f"someone/{label}", "MIT", described_wheels, tuple(described), convert=convert)
    return model, made


def noise(size: int, seed: int = 1) -> bytes:
    """Bytes that no compression makes fewer."""
    return random.Random(seed).randbytes(size)


def upside_down(downloaded: Path, target: Path) -> None:
    """A conversion: every file backwards, and one more that says so."""
    for path in downloaded.iterdir():
        (target / path.name).write_bytes(path.read_bytes()[::-1])
    (target / "done.txt").write_text("upside down")


def refusing(downloaded: Path, target: Path) -> None:
    (target / "half.bin").write_bytes(b"half")
    raise ValueError("this is not a checkpoint")


@dataclass
class LoopbackIndex:
    """Serves wheels by the simple repository API; its fields say how it misbehaves. Use as a context manager."""

    wheels: dict[str, bytes] = field(default_factory=dict)
    silent: bool = False
    """Accepts connections and never answers."""
    cut: dict[str, int] = field(default_factory=dict)
    """The connection ends after so many bytes of that project's wheel, each time."""
    pause: dict[str, int] = field(default_factory=dict)
    """So many bytes of that project's wheel are sent, and the others once `go_on` is set."""
    asked: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.go_on, self.paused, self._closing = threading.Event(), threading.Event(), threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self, self._closing))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/index/"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._closing.set()
        self.go_on.set()
        self._server.shutdown()
        self._server.server_close()

    def downloads(self) -> list[str]:
        """The projects whose wheels were asked for, in order."""
        return [path.split("/")[2] for path in self.asked if path.endswith(".whl")]


def _handler(index: LoopbackIndex, closing: threading.Event) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            index.asked.append(self.path)
            if index.silent:
                closing.wait()
                self.close_connection = True
                return
            _, kind, project, *name = self.path.split("/")
            content = index.wheels.get(project)
            if content is None:
                self.reply(404, b"not found", "text/plain")
            elif kind == "files":
                self.send_wheel(project, content)
            else:
                name = f"{project.replace('-', '_')}-{VERSION}-py3-none-any.whl"
                page = f'<!DOCTYPE html><html><body><a href="/files/{project}/{name}">{name}</a></body></html>'
                self.reply(200, page.encode(), "text/html")

        def send_wheel(self, project: str, content: bytes) -> None:
            if project in index.cut:
                self.reply(200, content, "application/octet-stream", index.cut[project])
                self.close_connection = True
            elif project in index.pause:
                self.reply(200, content, "application/octet-stream", index.pause[project])
                self.wfile.flush()
                index.paused.set()
                index.go_on.wait(60)
                self.wfile.write(content[index.pause[project] :])
            else:
                self.reply(200, content, "application/octet-stream")

        def reply(self, status: int, body: bytes, kind: str, cut: int | None = None) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[:cut])

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    class Server(Handler):
        def handle(self) -> None:
            try:
                super().handle()
            except ConnectionError:  # a client that was killed
                self.close_connection = True

    return Server
