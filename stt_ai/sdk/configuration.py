"""Where the service is and who asks, from arguments and the environment."""

import os
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import httpx

BASE_URL = "http://127.0.0.1:8000"
TIMEOUT_S = 3600.0
"""Seconds without a byte of the answer: a file of hours is worked on for long before the first one comes."""
MAX_RETRIES = 4
_CONNECT_S = 10.0


@dataclass(frozen=True, slots=True)
class Configuration:
    """``base_url`` has no slash at its end. ``api_key`` None: an anonymous caller. ``timeout``: seconds."""

    base_url: str
    api_key: str | None = field(repr=False)
    timeout: float
    max_retries: int

    @classmethod
    def of(cls, api_key: str | None, base_url: str | None, timeout: float, max_retries: int) -> "Configuration":
        """Return the configuration, what is None from the environment. Raise `ValueError` for no address or no key."""
        key = (api_key if api_key is not None else os.environ.get("STT_AI_API_KEY", "")).strip()
        if not (key.isascii() and key.isprintable()):
            raise ValueError("the API key has characters that no key has")  # which ones is not told: it is secret
        url = (base_url or os.environ.get("STT_AI_BASE_URL") or BASE_URL).rstrip("/")
        if not url.startswith(("http://", "https://")):
            raise ValueError(f"the service's address must begin with http:// or https://, and {url!r} does not")
        return cls(url, key or None, timeout, max_retries)

    @property
    def headers(self) -> dict[str, str]:
        """Return the headers of every request."""
        own = {"User-Agent": f"stt-ai-python/{_version()}"}
        return own | ({"Authorization": f"Bearer {self.api_key}"} if self.api_key else {})

    @property
    def http_arguments(self) -> dict[str, Any]:
        """Of httpx's clients, of both kinds."""
        return {
            "base_url": self.base_url,
            "headers": self.headers,
            "timeout": httpx.Timeout(self.timeout, connect=min(self.timeout, _CONNECT_S)),
            "limits": httpx.Limits(max_connections=None),
            "verify": self.base_url.startswith("https:"),  # reading the certificates takes longer than most calls
        }

    @property
    def stream_url(self) -> str:
        """Return the address of the WebSocket."""
        return f"ws{self.base_url.removeprefix('http')}/v1/stream"


def _version() -> str:
    try:
        return version("stt-ai")
    except PackageNotFoundError:
        return "0"
