"""A recording from the address that a caller named to wherever it is written, under limits of size and time."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

import httpcore
import httpx

from stt_ai.errors import SourceForbidden, SourceRefused, SourceTimeout, SourceTooLarge, UnsupportedMedia
from stt_ai.sources.client import BrokenOff, CheckedClient, header
from stt_ai.sources.urls import checked_headers, filename_of, parse_url, same_origin

Write = Callable[[bytes], Awaitable[None]]

REDIRECTS = frozenset({301, 302, 303, 307, 308})
MAX_REDIRECTS = 3
MAX_RESUMES = 5
_CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(?:\d+|\*)")
_PAGES = ("text/html", "application/xhtml+xml", "application/json", "application/problem+json")


@dataclass(slots=True)
class _Download:
    """What is there so far; ``validator``: the server's name for this content, without which it is not resumed."""

    url: httpx.URL
    headers: dict[str, str]
    max_bytes: int
    write: Write
    received: int = 0
    validator: str = ""


class Fetcher:
    """Downloads under the client's policy. ``timeout_s`` bounds a whole download, with redirects and resumptions."""

    def __init__(self, client: CheckedClient, timeout_s: float = 3600) -> None:
        self._client = client
        self._timeout_s = timeout_s

    async def fetch(self, url: str, max_bytes: int, write: Write, headers: Mapping[str, str] | None = None) -> str:
        """Write the content of ``url`` piece by piece, and return the file name that its address ends with.

        ``headers`` go to the URL's own origin alone. Raise `SourceForbidden`, `SourceTooLarge`, `SourceTimeout`,
        `SourceRefused`, `UnsupportedMedia`, `BadParameter` or what ``write`` raises.
        """
        parsed = parse_url(url, self._client.policy.allow_http)
        download = _Download(parsed, checked_headers(headers or {}), max_bytes, write)
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._read_all(download)
        except TimeoutError as error:
            raise SourceTimeout(f"The URL's content did not come within {self._timeout_s:g} seconds.") from error
        if not download.received:
            raise SourceRefused("The URL's content is empty.")
        return filename_of(download.url)

    async def _read_all(self, download: _Download) -> None:
        for _ in range(MAX_RESUMES):
            before = download.received
            try:
                return await self._follow(download)
            except BrokenOff:
                if not download.validator or download.received == before:
                    raise
        raise SourceRefused("The URL's host dropped the connection too often.")

    async def _follow(self, download: _Download) -> None:
        for _ in range(MAX_REDIRECTS + 1):
            async with self._client.send("GET", download.url, _request_headers(download)) as response:
                if response.status not in REDIRECTS:
                    return await _read(response, download)
                self._redirect(download, header(response, "location"))
        raise SourceForbidden(f"The URL redirects more than {MAX_REDIRECTS} times.")

    def _redirect(self, download: _Download, location: str) -> None:
        if not location:
            raise SourceRefused("The URL redirects to nowhere.")
        try:
            target = str(download.url.join(location))
        except (httpx.InvalidURL, ValueError, UnicodeError) as error:
            raise SourceRefused("The URL redirects to a malformed address.") from error
        url = parse_url(target, self._client.policy.allow_http)
        if not same_origin(download.url, url):
            download.headers = {}  # a token for one host is not another's to see
        download.url = url


def _request_headers(download: _Download) -> dict[str, str]:
    asked = {"accept": "*/*", "accept-encoding": "identity", **download.headers}
    if download.received:
        asked |= {"range": f"bytes={download.received}-", "if-range": download.validator}
    return asked


async def _read(response: httpcore.Response, download: _Download) -> None:
    _check_status(response, download)
    _check_content(response)
    length = header(response, "content-length")
    if length.isdecimal() and len(length) < 20 and download.received + int(length) > download.max_bytes:
        raise _too_large(download.max_bytes)
    if not download.received:
        download.validator = _validator(response)
    async for piece in response.aiter_stream():
        if download.received + len(piece) > download.max_bytes:
            raise _too_large(download.max_bytes)
        await download.write(piece)
        download.received += len(piece)


def _check_status(response: httpcore.Response, download: _Download) -> None:
    """Raise `SourceRefused` for all but the whole content, or the rest of it where a part is there already."""
    if not download.received:
        if response.status != 200:
            raise SourceRefused(f"The URL's host answered {response.status} instead of the recording.")
        return
    content_range = _CONTENT_RANGE.fullmatch(header(response, "content-range"))
    if response.status != 206 or not content_range or int(content_range[1]) != download.received:
        raise SourceRefused("The URL's host dropped the connection, and cannot send the rest alone.")


def _check_content(response: httpcore.Response) -> None:
    if header(response, "content-encoding").lower() not in ("", "identity"):
        raise SourceRefused("The URL's host sends the recording compressed, although it was asked not to.")
    if header(response, "content-type").partition(";")[0].strip().lower() in _PAGES:
        raise UnsupportedMedia("The URL leads to a page, not to a recording. Use the address of the file itself.")


def _validator(response: httpcore.Response) -> str:
    """Return what `If-Range` takes: a strong entity tag, else the date of the last change; empty without either."""
    tag = header(response, "etag")
    if header(response, "accept-ranges").lower() == "none":
        return ""
    return tag if tag.startswith('"') else header(response, "last-modified")


def _too_large(max_bytes: int) -> SourceTooLarge:
    size = f"{max_bytes / 1e9:g} GB" if max_bytes >= 1_000_000_000 else f"{max_bytes / 1e6:g} MB"
    return SourceTooLarge(f"The URL's content is larger than the {size} that you may send.")
