"""A model hub on the loopback: the part of the hub's file API that downloads use, and the ways it can fail."""

import hashlib
import json
import re
import socket
import struct
import threading
from dataclasses import dataclass, field
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self

COMMIT = "5e1f" * 10
_INFO = re.compile(r"^/api/models/(?P<repo>[^/]+/[^/]+)/revision/(?P<revision>[^/?]+)")
_RESOLVE = re.compile(r"^/(?P<repo>[^/]+/[^/]+)/resolve/(?P<revision>[^/]+)/(?P<name>[^?]+)")
_CDN = re.compile(r"^/cdn/(?P<repo>[^/]+/[^/]+)/(?P<name>[^?]+)")
_PIECE = 1 << 20


def write_model(folder: Path, mel_bins: int = 80, padding: int = 0, preprocessor: bool = True) -> Path:
    """A folder shaped like a CTranslate2 Whisper: true formats, no sense. ``padding``: bytes of one more variable."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.bin").write_bytes(model_bin(mel_bins, padding))
    (folder / "config.json").write_text('{"lang_ids": [50259]}')
    (folder / "tokenizer.json").write_text('{"model": {"type": "BPE"}}')
    (folder / "vocabulary.json").write_text('["a"]')
    if preprocessor:
        (folder / "preprocessor_config.json").write_text(json.dumps({"feature_size": mel_bins}))
    return folder


def model_bin(mel_bins: int = 80, padding: int = 0, spec: str = "WhisperSpec", version: int = 6) -> bytes:
    """What CTranslate2 writes: version, name, revision, variables, aliases."""

    def string(text: str) -> bytes:
        return struct.pack("<H", len(text) + 1) + text.encode() + b"\0"

    def variable(name: str, shape: tuple[int, ...], data: bytes) -> bytes:
        return string(name) + struct.pack(f"<B{len(shape)}IBI", len(shape), *shape, 0, len(data)) + data

    variables = [variable("encoder/conv1/weight", (2, mel_bins, 3), bytes(2 * mel_bins * 3 * 4))]
    if padding:
        variables.append(variable("decoder/embeddings/weight", (padding // 4,), bytes(padding)))
    head = struct.pack("<I", version) + string(spec) + struct.pack("<II", 3, len(variables))
    aliases = struct.pack("<I", 1) + string("decoder/projection/weight") + string("decoder/embeddings/weight")
    return head + b"".join(variables) + aliases


@dataclass(frozen=True)
class Asked:
    """One request that the hub received."""

    method: str
    path: str
    headers: dict[str, str]

    @property
    def name(self) -> str:
        return self.path.split("?")[0].rsplit("/", 1)[-1]


@dataclass
class LoopbackHub:
    """Serves folders as model repositories; its fields say how it misbehaves. Use as a context manager."""

    repos: dict[str, dict[str, bytes]] = field(default_factory=dict)
    token: str | None = None
    """When set, the repositories are gated: requests without it get 401, with another one 403."""
    listed: bool = False
    """Everybody may list what gated repositories hold; only the files need the token."""
    status: int | None = None
    """When set, the answer to everything."""
    silent: bool = False
    """Accepts connections and never answers."""
    trickle: bool = False
    """Answers a byte now and then, and is never done."""
    page: bytes | None = None
    """When set, the answer to everything, as a portal or a firewall gives it."""
    cuts: list[int] = field(default_factory=list)
    """For each coming download of a large file: the connection ends after so many bytes."""
    reset: bool = False
    """It ends with a reset, as when a router forgets it."""
    down_after_cuts: bool = False
    """Once the cuts are used up, large files get 503."""
    cdn: bool = False
    """Large files are redirected to another host."""
    hold: threading.Event | None = None
    """Large files are not sent before this is set."""
    asked: list[Asked] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.changed = threading.Condition()
        self.closing = threading.Event()
        self.server = _Server(("127.0.0.1", 0), _handler(self))
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        self.endpoint = f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.closing.set()
        self.server.shutdown()
        self.server.server_close()

    def add(self, repo: str, folder: Path) -> None:
        self.repos[repo] = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}

    def downloads(self, name: str) -> list[Asked]:
        return [asked for asked in self.asked if asked.method == "GET" and asked.name == name]

    def wait_for(self, count: int, name: str, method: str = "GET", timeout: float = 120.0) -> None:
        """Until so many requests for ``name`` have come."""

        def come() -> bool:
            return sum(asked.name == name and asked.method == method for asked in self.asked) >= count

        with self.changed:
            assert self.changed.wait_for(come, timeout), f"no {count} requests for {name}"


def is_large(name: str) -> bool:
    return name.endswith((".bin", ".safetensors"))


def info(repo: str, files: dict[str, bytes]) -> dict[str, Any]:
    siblings = []
    for name, content in {".gitattributes": b"", "README.md": b"# A model", **files}.items():
        sibling: dict[str, Any] = {"rfilename": name, "size": len(content), "blobId": _git_sha(content)}
        if is_large(name):
            sibling["lfs"] = {"size": len(content), "sha256": _sha256(content), "pointerSize": 134}
        siblings.append(sibling)
    return {"_id": "1", "id": repo, "modelId": repo, "sha": COMMIT, "private": False, "siblings": siblings}


@lru_cache(64)  # of files of many megabytes, in every answer
def _git_sha(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


@lru_cache(64)  # of files of many megabytes, in every answer
def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is its own affair; anything else would show in what it received."""


def _handler(hub: LoopbackHub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_HEAD(self) -> None:
            self.answer()

        def do_GET(self) -> None:
            self.answer()

        def answer(self) -> None:
            with hub.changed:
                headers = {key.lower(): value for key, value in self.headers.items()}
                hub.asked.append(Asked(self.command, self.path, headers))
                hub.changed.notify_all()
            if hub.silent:
                hub.closing.wait()
                self.close_connection = True
            elif hub.trickle:
                while not hub.closing.wait(0.1):
                    self.wfile.write(b"H")
            elif hub.page is not None:
                self.reply(hub.status or 200, hub.page, {"Content-Type": "text/html"})
            elif hub.status is not None:
                self.reply(hub.status, b"{}")
            elif match := _CDN.match(self.path):
                self.send_content(match["name"], hub.repos[match["repo"]][match["name"]], {})
            else:
                self.answer_as_hub()

        def answer_as_hub(self) -> None:
            match = _INFO.match(self.path) or _RESOLVE.match(self.path)
            if match is None or match["repo"] not in hub.repos:
                self.fail(404, "RepoNotFound", "Repository not found")
            elif not self.allowed() and not (match.re is _INFO and hub.listed):
                status = 403 if "Authorization" in self.headers else 401
                self.fail(status, "GatedRepo", "Access to this model is restricted")
            elif match["revision"] not in ("main", COMMIT):
                self.fail(404, "RevisionNotFound", "Invalid rev id")
            elif match.re is _INFO:
                self.reply(200, json.dumps(info(match["repo"], hub.repos[match["repo"]])).encode())
            elif match["name"] not in hub.repos[match["repo"]]:
                self.fail(404, "EntryNotFound", "Entry not found")
            else:
                self.send_file(match["repo"], match["name"])

        def allowed(self) -> bool:
            return hub.token is None or self.headers.get("Authorization") == f"Bearer {hub.token}"

        def send_file(self, repo: str, name: str) -> None:
            content = hub.repos[repo][name]
            headers = {"X-Repo-Commit": COMMIT}
            if not is_large(name):
                self.send_content(name, content, headers | {"ETag": f'"{_git_sha(content)}"'})
                return
            headers |= {"X-Linked-Size": str(len(content)), "X-Linked-Etag": f'"{_sha256(content)}"'}
            if hub.cdn:  # another origin, as its name differs
                location = f"http://localhost:{hub.port}/cdn/{repo}/{name}"
                self.reply(302, b"", headers | {"Location": location})
            else:
                self.send_content(name, content, headers | {"ETag": f'"{_sha256(content)}"'})

        def send_content(self, name: str, content: bytes, headers: dict[str, str]) -> None:
            start = 0
            if wanted := re.match(r"bytes=(\d+)-$", self.headers.get("Range", "")):
                start = int(wanted[1])
                headers = headers | {"Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"}
            body = content[start:]
            if self.command == "GET" and is_large(name):
                if hub.hold is not None:
                    assert hub.hold.wait(120)
                if hub.cuts:
                    self.reply(206 if start else 200, body, headers, cut=hub.cuts.pop(0))
                    return
                if hub.down_after_cuts:
                    self.reply(503, b"")
                    return
            self.reply(206 if start else 200, body, headers | {"Accept-Ranges": "bytes"})

        def fail(self, status: int, code: str, message: str) -> None:
            self.reply(status, b"", {"X-Error-Code": code, "X-Error-Message": message, "X-Repo-Commit": COMMIT})

        def reply(
            self, status: int, body: bytes, headers: dict[str, str] | None = None, cut: int | None = None
        ) -> None:
            self.send_response(status)
            for key, value in {"Content-Type": "application/json", **(headers or {})}.items():
                self.send_header(key, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                for at in range(0, len(body[:cut]), _PIECE):
                    self.wfile.write(body[:cut][at : at + _PIECE])
            if cut is not None:
                self.close_connection = True
                if hub.reset:
                    self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    return Handler
