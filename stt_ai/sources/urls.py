"""The addresses and headers that a caller may give: what is refused before a name is even looked up."""

import re
from collections.abc import Mapping
from urllib.parse import unquote

import httpx

from stt_ai.errors import BadParameter, SourceForbidden

MAX_URL = 4096
MAX_HEADERS = 20
MAX_HEADER_BYTES = 8192
_PORTS = range(1024, 65536)
"""Beside those of http: below are mail, shells and other services that do not speak it."""
_DEFAULT_PORTS = {"https": 443, "http": 80}
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_FIELD_VALUE = re.compile(r"[\t\x20-\x7e]*")
# The connection's own, which would change what is read from it or whom it seems to come from.
_OURS = frozenset(
    {"accept-encoding", "connection", "content-length", "expect", "host", "if-range", "keep-alive", "range", "te"}
    | {"trailer", "transfer-encoding", "upgrade"}
)


def parse_url(text: str, allow_http: bool = False) -> httpx.URL:
    """Return ``text`` as an absolute https URL, or http where that is allowed. Raise `SourceForbidden`.

    Credentials, and ports of other services (below 1024, but for 443 and 80), are refused.
    """
    if len(text) > MAX_URL:
        raise SourceForbidden(f"The URL is longer than {MAX_URL} characters.")
    try:
        url = httpx.URL(text.strip())
        host, port, credentials = url.host, url.port, url.userinfo
    except (httpx.InvalidURL, ValueError, UnicodeError) as error:
        raise SourceForbidden("The URL is malformed.") from error
    schemes = ("https", "http") if allow_http else ("https",)
    if url.scheme not in schemes:
        raise SourceForbidden(f"The URL must begin with {' or '.join(f'{scheme}://' for scheme in schemes)}.")
    if not host or "%" in host:  # escaped characters, or the zone of a link-local address
        raise SourceForbidden("The URL names no host that can be looked up.")
    if credentials:
        raise SourceForbidden("The URL holds a user name or password; send an `Authorization` header instead.")
    if port is not None and port not in _PORTS and port not in _DEFAULT_PORTS.values():
        raise SourceForbidden("The URL's port must be 443, 80, or from 1024 to 65535.")
    return url.copy_with(fragment=None)


def port_of(url: httpx.URL) -> int:
    """Return the port of ``url``, its scheme's where it names none."""
    return url.port or _DEFAULT_PORTS[url.scheme]


def same_origin(one: httpx.URL, other: httpx.URL) -> bool:
    """Return whether both have the same scheme, host and port."""
    return (one.scheme, one.host, port_of(one)) == (other.scheme, other.host, port_of(other))


def checked_headers(headers: Mapping[str, str], parameter: str = "headers") -> dict[str, str]:
    """Return the caller's request headers, names in lower case. Raise `BadParameter`."""
    checked = {name.lower(): value.strip() for name, value in headers.items()}
    if len(headers) > MAX_HEADERS or sum(len(name) + len(value) for name, value in checked.items()) > MAX_HEADER_BYTES:
        raise BadParameter(
            f"`{parameter}` may be {MAX_HEADERS} headers of {MAX_HEADER_BYTES} bytes together.", parameter
        )
    for name, value in checked.items():
        if not _TOKEN.fullmatch(name) or not _FIELD_VALUE.fullmatch(value):
            raise BadParameter(f"`{parameter}` must be header names and values of printable ASCII.", parameter)
        if name in _OURS or name.startswith("proxy-"):
            raise BadParameter(f"`{parameter}` may not hold `{name}`.", parameter)
    return checked


def filename_of(url: httpx.URL) -> str:
    """Return the last component of the URL's path, decoded; empty where there is none."""
    return unquote(url.path.rsplit("/", 1)[-1])
