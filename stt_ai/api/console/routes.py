"""GET / and /console/…: the page on which people try the service, and the files that it is made of."""

import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from stt_ai.api.http.errors import envelope
from stt_ai.errors import NotFound

FOLDER = Path(__file__).parents[2] / "console"
PAGE = "index.html"
MEDIA_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}
"""Nothing else in the folder is served."""

# Own files only, no inline script or style, and no way to make markup of text: names and transcripts are hostile.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; media-src blob:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
HEADERS = {
    "Cache-Control": "no-cache",  # cached, but revalidated each time, so that files of two versions are never mixed
    "Content-Security-Policy": _POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "microphone=(self), camera=(), geolocation=(), payment=(), usb=()",
    "Referrer-Policy": "no-referrer",
    "Vary": "Accept, Accept-Encoding",
    "X-Content-Type-Options": "nosniff",
}


@dataclass(frozen=True, slots=True)
class Asset:
    """One file, as it is and compressed. ``tag`` stands for its content."""

    media_type: str
    content: bytes
    compressed: bytes
    tag: str


def console_routes(folder: Path = FOLDER) -> APIRouter:
    """Return the routes of the page and of its files in ``folder``."""
    router = APIRouter()
    assets = load(folder)

    @router.get("/", include_in_schema=False)
    async def page(request: Request) -> Response:
        if not _takes_html(request.headers.get("accept", "*/*")):
            message = "Here is a page for people. GET /openapi.json describes the service to programs."
            return envelope(406, "not_acceptable", message, {"Vary": "Accept"})
        return answer(assets[PAGE], request.headers)

    @router.get("/console/{name:path}", include_in_schema=False)
    async def file(name: str, request: Request) -> Response:
        asset = assets.get(name)
        if asset is None or name == PAGE:
            raise NotFound("The console has no such file. Reload the page.")
        return answer(asset, request.headers)

    return router


def load(folder: Path) -> Mapping[str, Asset]:
    """Return the files under ``folder`` by their paths in it, as they are now."""
    assets: dict[str, Asset] = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix in MEDIA_TYPES and path.is_file():
            content = path.read_bytes()
            tag = hashlib.sha256(content).hexdigest()[:20]
            name, media_type = path.relative_to(folder).as_posix(), MEDIA_TYPES[path.suffix]
            assets[name] = Asset(media_type, content, _compressed(content), tag)
    return assets


@cache
def _compressed(content: bytes) -> bytes:
    return gzip.compress(content, mtime=0)


def answer(asset: Asset, asked: Mapping[str, str]) -> Response:
    """The file, compressed for who takes that; 304 for who has it."""
    small = "gzip" in _weighed(asked.get("accept-encoding", ""))
    etag = f'"{asset.tag}{"-gzip" if small else ""}"'
    headers = {**HEADERS, "ETag": etag}
    known = {tag.strip().removeprefix("W/") for tag in asked.get("if-none-match", "").split(",")}
    if known & {etag, "*"}:
        return Response(None, 304, headers)
    if small:
        headers["Content-Encoding"] = "gzip"
    return Response(asset.compressed if small else asset.content, 200, headers, asset.media_type)


def _takes_html(accept: str) -> bool:
    return bool(_weighed(accept) & {"text/html", "text/*", "*/*"})


def _weighed(header: str) -> set[str]:
    """The values of a header such as `Accept` that are not refused with `q=0`."""
    taken = set()
    for part in header.lower().split(","):
        value, *parameters = (piece.strip() for piece in part.split(";"))
        if not any(piece.startswith("q=") and piece[2:].strip("0.") == "" for piece in parameters):
            taken.add(value)
    return taken
