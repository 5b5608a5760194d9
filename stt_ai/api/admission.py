"""Admission: whether a request is accepted, decided before its body is read.

Everything that refuses a request because of load or allowance, in the order in which a request meets it:

| where | when | answer | Retry-After |
|---|---|---|---|
| `ProcessAdmission` below | `ingress.max_concurrent` requests are in this process | 503 `overloaded` | 5 |
| `pipeline.backlog.Backlog.reserve` | beyond `ingress.guaranteed_slots` files, a new one would wait longer than \
`ingress.max_wait_s` | 503 `overloaded` | until half of that wait is left: 1 to 600 |
| `streaming.load_shedding.LatencyMonitor.require_room` | texts of live streams take longer than \
`stream.max_lag_s` | 503 `overloaded` | 10 |
| `billing.admission` | the key is unknown | 401 `unauthorized` | none |
| `billing.admission` | the plan's requests at once, or of a day or month, are used | 429 | until there are more |
| `billing.admission` | the account has no credits for what is asked | 402 `payment_required` | none |
| `Grant.reserve` | the same two, when the seconds of audio are known | 429, 402 | as above |
| `deployments.decoder` | Serve's queue before it is full (`max_queued_requests`) | 503 `overloaded` | 5 |
| `engines.scheduler` | more audio waits at a model's replica than `transcriber.max_queued_s` | 503 `overloaded` | \
the time that it will take, as measured |
| `deployments.diarizer` | `diarizer.max_waiting` files wait | 503 `overloaded` | 10 |
| `deployments.summarizer` | `summarizer.max_requests` are in work | 503 `overloaded` | 10 |

What a request was let in with goes along with it: its `Grant` holds the lease that billing keeps for it and the
`Reservation` of its place in the backlog, and `Grant.work` is around the work itself.
"""

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    asynccontextmanager,
    contextmanager,
    nullcontext,
)
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

from starlette.requests import HTTPConnection

from stt_ai.accounts import StoredResponse, WorkKind
from stt_ai.api.http.client_address import TrustedProxies, caller_of
from stt_ai.errors import Overloaded
from stt_ai.ports import OnDuration, Reservation

Capacity = Mapping[WorkKind, Callable[[], AbstractContextManager[Reservation | None]]]
"""Around a request of a kind of work: entering reserves its place, or raises `Overloaded` while there is none.

A kind without it has no bounds.
"""

UNLIMITED: Capacity = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class IncomingRequest:
    """A request whose body nobody has read yet. Header names are lower case; ``client`` is the caller's address."""

    route: str
    headers: Mapping[str, str]
    client: str
    content_length: int | None
    kind: WorkKind = WorkKind.TRANSCRIPTION

    @classmethod
    def of(
        cls, connection: HTTPConnection, trusted: TrustedProxies, kind: WorkKind = WorkKind.TRANSCRIPTION
    ) -> "IncomingRequest":
        """Return what ``connection`` says of itself; ``trusted`` proxies may say for whom they speak."""
        length = connection.headers.get("content-length", "")
        return cls(
            route=connection.url.path,
            headers=connection.headers,
            client=caller_of(connection, trusted),
            content_length=int(length) if length.isascii() and length.isdigit() and len(length) < 20 else None,
            kind=kind,
        )


class Grant:
    """The grant of an admitted caller. This one is neither counted nor charged.

    ``headers`` are added to the response, whatever it says. ``idempotency_key``: the body's fingerprint is wanted.
    ``larger_files``: a sentence that says who may send larger files, empty where nobody may. ``reservation``: of the
    request's place in the backlog. ``lease``: billing's.
    """

    def __init__(
        self,
        max_file_bytes: int,
        headers: Mapping[str, str] | None = None,
        idempotency_key: str | None = None,
        larger_files: str = "",
        reservation: Reservation | None = None,
        lease: str = "",
    ) -> None:
        self.lease = lease
        self.reservation = reservation
        self.max_file_bytes = max_file_bytes
        self.larger_files = larger_files
        self.headers = dict(headers or {})
        self.idempotency_key = idempotency_key

    async def claim(self, fingerprint: str) -> StoredResponse | None:
        """Return the answer that the same body got under the same idempotency key before.

        Raise `BadParameter` for another body, `StillRunning`.
        """
        return None

    async def reserve(self, seconds: float) -> None:
        """Hold what so many seconds of audio cost. Raise `PaymentRequired` or `TooManyRequests`."""

    @contextmanager
    def work(self) -> Iterator[OnDuration]:
        """Keep the grant during the work. Yield a function to await with the seconds of audio as soon as they are
        known.

        It counts them in the backlog, and raises as `reserve` does.
        """
        begun = self.reservation.begin() if self.reservation else nullcontext(_uncounted)
        with begun as count:

            async def on_duration(seconds: float) -> None:
                count(seconds)
                await self.reserve(seconds)

            yield on_duration

    async def settle(self, seconds: float, response: StoredResponse | None = None) -> None:
        """Charge ``seconds``. Only afterwards may the result be delivered. Raise as `reserve` does."""

    def abandon(self) -> None:
        """Neither charges nor gives back: whatever could not be settled is left to the lease's expiry."""


def _uncounted(seconds: float) -> None:
    """Count nothing."""


class Admission(Protocol):
    """Decides on an incoming. The context is the caller's slot: left on every way out, also cancellation."""

    def admit(self, incoming: IncomingRequest) -> AbstractAsyncContextManager[Grant]:
        """Entering raises `Unauthorized`, `PaymentRequired`, `TooManyRequests` or `Overloaded` to refuse."""
        ...


class ProcessAdmission:
    """Lets everybody in as long as there is room, up to so many at once in this process, all under one file limit."""

    def __init__(self, max_file_bytes: int, max_concurrent: int, capacity: Capacity = UNLIMITED) -> None:
        self._max_file_bytes = max_file_bytes
        self._max_concurrent = max_concurrent
        self._capacity = capacity
        self.active = 0

    @asynccontextmanager
    async def admit(self, incoming: IncomingRequest) -> AsyncIterator[Grant]:
        """As `Admission.admit`, for anybody. Raise `Overloaded` where as many requests run as may."""
        if self.active >= self._max_concurrent:
            raise Overloaded("Too many requests are being served at the moment. Try again shortly.", retry_after=5)
        with self._capacity.get(incoming.kind, nullcontext)() as reservation:
            self.active += 1
            try:
                yield Grant(self._max_file_bytes, reservation=reservation)
            finally:
                self.active -= 1
