"""Who may send what: asked before a request's body is read."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Protocol

from starlette.requests import Request

from stt_ai.api.client_address import TrustedProxies, caller_of
from stt_ai.errors import Overloaded


@dataclass(frozen=True, slots=True)
class Arrival:
    """A request whose body nobody has read yet. Header names are lower case; ``client`` is the caller's address."""

    route: str
    headers: Mapping[str, str]
    client: str
    content_length: int | None

    @classmethod
    def of(cls, request: Request, trusted: TrustedProxies) -> "Arrival":
        length = request.headers.get("content-length", "")
        return cls(
            route=request.url.path,
            headers=request.headers,
            client=caller_of(request, trusted),
            content_length=int(length) if length.isascii() and length.isdigit() else None,
        )


@dataclass(frozen=True, slots=True)
class Grant:
    """What an admitted caller may do. ``headers`` are added to the response, whatever it says."""

    max_file_bytes: int
    headers: Mapping[str, str] = field(default_factory=dict)


class Admission(Protocol):
    """Decides on an arrival. The context is the caller's slot: left on every way out, also cancellation."""

    def admit(self, arrival: Arrival) -> AbstractAsyncContextManager[Grant]:
        """Entering raises `Unauthorized`, `PaymentRequired`, `TooManyRequests` or `Overloaded` to refuse."""
        ...


class OpenAdmission:
    """Lets everybody in, up to so many at once in this process, all under one file limit."""

    def __init__(self, max_file_bytes: int, max_concurrent: int) -> None:
        self._grant = Grant(max_file_bytes)
        self._max_concurrent = max_concurrent
        self.active = 0

    @asynccontextmanager
    async def admit(self, arrival: Arrival) -> AsyncIterator[Grant]:
        if self.active >= self._max_concurrent:
            raise Overloaded("Too many requests are being served at the moment. Try again shortly.", retry_after=5)
        self.active += 1
        try:
            yield self._grant
        finally:
            self.active -= 1
