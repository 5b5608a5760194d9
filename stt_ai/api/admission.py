"""Who may send what: asked before a request's body is read."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AbstractContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

from starlette.requests import HTTPConnection

from stt_ai.accounts import StoredResponse, WorkKind
from stt_ai.api.http.client_address import TrustedProxies, caller_of
from stt_ai.errors import Overloaded

Rooms = Mapping[WorkKind, Callable[[], AbstractContextManager[None]]]
"""Around a request of a kind of work; entering raises `Overloaded` while there is no room for more of it.

A kind without it always has room.
"""

NO_BOUNDS: Rooms = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Arrival:
    """A request whose body nobody has read yet. Header names are lower case; ``client`` is the caller's address."""

    route: str
    headers: Mapping[str, str]
    client: str
    content_length: int | None
    kind: WorkKind = WorkKind.TRANSCRIPTION

    @classmethod
    def of(
        cls, connection: HTTPConnection, trusted: TrustedProxies, kind: WorkKind = WorkKind.TRANSCRIPTION
    ) -> "Arrival":
        length = connection.headers.get("content-length", "")
        return cls(
            route=connection.url.path,
            headers=connection.headers,
            client=caller_of(connection, trusted),
            content_length=int(length) if length.isascii() and length.isdigit() and len(length) < 20 else None,
            kind=kind,
        )


class Grant:
    """What an admitted caller may do. This one is neither counted nor charged.

    ``headers`` are added to the response, whatever it says. ``idempotency_key``: the body's fingerprint is wanted.
    ``larger_files``: a sentence that says who may send larger files, empty where nobody may.
    """

    def __init__(
        self,
        max_file_bytes: int,
        headers: Mapping[str, str] | None = None,
        idempotency_key: str | None = None,
        larger_files: str = "",
    ) -> None:
        self.max_file_bytes = max_file_bytes
        self.larger_files = larger_files
        self.headers = dict(headers or {})
        self.idempotency_key = idempotency_key

    async def claim(self, fingerprint: str) -> StoredResponse | None:
        """The answer that the same body got under the same idempotency key before.

        Raises `BadParameter` for another body, `StillRunning`.
        """
        return None

    async def reserve(self, seconds: float) -> None:
        """Holds what so many seconds of audio cost. Raises `PaymentRequired` or `TooManyRequests`."""

    async def settle(self, seconds: float, response: StoredResponse | None = None) -> None:
        """Charges them. Only afterwards may the result be delivered. Raises as `reserve` does."""

    def abandon(self) -> None:
        """Neither charges nor gives back: whatever could not be settled is left to the lease's expiry."""


class Admission(Protocol):
    """Decides on an arrival. The context is the caller's slot: left on every way out, also cancellation."""

    def admit(self, arrival: Arrival) -> AbstractAsyncContextManager[Grant]:
        """Entering raises `Unauthorized`, `PaymentRequired`, `TooManyRequests` or `Overloaded` to refuse."""
        ...


class OpenAdmission:
    """Lets everybody in as long as there is room, up to so many at once in this process, all under one file limit."""

    def __init__(self, max_file_bytes: int, max_concurrent: int, rooms: Rooms = NO_BOUNDS) -> None:
        self._max_file_bytes = max_file_bytes
        self._max_concurrent = max_concurrent
        self._rooms = rooms
        self.active = 0

    @asynccontextmanager
    async def admit(self, arrival: Arrival) -> AsyncIterator[Grant]:
        if self.active >= self._max_concurrent:
            raise Overloaded("Too many requests are being served at the moment. Try again shortly.", retry_after=5)
        with self._rooms.get(arrival.kind, nullcontext)():
            self.active += 1
            try:
                yield Grant(self._max_file_bytes)
            finally:
                self.active -= 1
