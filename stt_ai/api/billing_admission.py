"""Admission by plan: a lease for each request, kept while it works, charged when its result goes out."""

import asyncio
import logging
import math
import re
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from stt_ai.accounts import Allowance, Permit, PlanName, StoredResponse
from stt_ai.api.admission import UNLIMITED, Capacity, Grant, IncomingRequest, ProcessAdmission
from stt_ai.api.http.background import finish, start
from stt_ai.api.http.context import current_request_id
from stt_ai.billing.client import BillingClient
from stt_ai.errors import BadParameter, LeaseExpired, SttError, Unauthorized
from stt_ai.ports import Reservation

T = TypeVar("T")

logger = logging.getLogger(__name__)

_BEARER = re.compile(r"bearer +([\x21-\x7e]+)", re.IGNORECASE)
_LARGER_FILES = {
    PlanName.ANONYMOUS: "With an API key you may send larger ones: sign up for a free one.",
    PlanName.FREE: "An account with credits may send larger ones.",
}
_IDEMPOTENCY_KEY = re.compile(r"[\x20-\x7e]{1,255}")


class BillingAdmission:
    """Admits whom ``billing`` admits, and no more at once than this process takes."""

    def __init__(
        self, billing: BillingClient, max_file_bytes: int, max_concurrent: int, capacity: Capacity = UNLIMITED
    ) -> None:
        self._billing = billing
        self._max_file_bytes = max_file_bytes
        self._process = ProcessAdmission(max_file_bytes, max_concurrent, capacity)

    @asynccontextmanager
    async def admit(self, incoming: IncomingRequest) -> AsyncIterator[Grant]:
        """As `Admission.admit`: the lease is released on every way out on which it was not settled."""
        credential, key = bearer_of(incoming.headers), idempotency_key_of(incoming.headers)
        async with self._process.admit(incoming) as counted:
            permit = await self._enter(incoming, credential, key)
            grant = BilledGrant(self._billing, permit, self._max_file_bytes, key, counted.reservation)
            try:
                yield grant
            finally:
                await grant.leave()

    async def _enter(self, incoming: IncomingRequest, credential: str | None, key: str | None) -> Permit:
        entering = start(
            self._billing.admit(credential, incoming.client, incoming.kind, current_request_id(), idempotency_key=key)
        )
        try:
            return await asyncio.shield(entering)
        except asyncio.CancelledError:
            start(self._give_up(entering))
            raise

    async def _give_up(self, entering: asyncio.Task[Permit]) -> None:
        """The caller left while being admitted: the slot that it may get yet would stay taken until it expires."""
        try:
            permit = await entering
        except SttError:
            return
        await self._billing.release(permit.lease)


class BilledGrant(Grant):
    """A lease of ``billing``, renewed until `leave`."""

    def __init__(
        self,
        billing: BillingClient,
        permit: Permit,
        max_file_bytes: int,
        idempotency_key: str | None,
        reservation: Reservation | None = None,
    ) -> None:
        """``max_file_bytes``: the most that anybody may send."""
        super().__init__(
            min(permit.max_file_bytes, max_file_bytes),
            allowance_headers(permit.allowance),
            idempotency_key,
            _LARGER_FILES.get(permit.plan, "") if permit.max_file_bytes < max_file_bytes else "",
            reservation,
            permit.lease,
        )
        self._billing = billing
        self._lease = permit.lease
        self._ended = False
        self._last: asyncio.Task[Any] | None = None
        self._renewing = start(self._renew(permit.renew_every_s))

    async def claim(self, fingerprint: str) -> StoredResponse | None:
        """As `Grant.claim`; without an idempotency key there is nothing to claim."""
        if self.idempotency_key is None:
            return None
        return await self._finish(self._billing.claim(self._lease, self.idempotency_key, fingerprint))

    async def reserve(self, seconds: float) -> None:
        """As `Grant.reserve`; what is left of the allowance joins `headers`."""
        self.headers |= allowance_headers(await self._finish(self._billing.reserve(self._lease, seconds)))

    async def settle(self, seconds: float, response: StoredResponse | None = None) -> None:
        """As `Grant.settle`; the response is kept only under an idempotency key."""
        stored = response if self.idempotency_key is not None else None
        self.headers |= allowance_headers(await self._finish(self._settle(seconds, stored)))

    async def leave(self) -> None:
        """Give back what is still held. A release that fails is made up for by the lease's expiry."""
        self._renewing.cancel()
        if not self._ended:
            await finish(self._release())

    def abandon(self) -> None:
        """As `Grant.abandon`: the lease is no longer renewed, nor released on leaving."""
        self._renewing.cancel()
        self._ended = True

    async def _finish(self, call: Coroutine[Any, Any, T]) -> T:
        self._last = start(call)
        return await asyncio.shield(self._last)

    async def _settle(self, seconds: float, stored: StoredResponse | None) -> Allowance | None:
        left = await self._billing.settle(self._lease, seconds, stored)
        self._ended = True
        return left

    async def _release(self) -> None:
        if self._last is not None:  # the caller left during a call that may still change what there is to give back
            await asyncio.wait([self._last])
        if self._ended:
            return
        try:
            self.headers |= allowance_headers(await self._billing.release(self._lease))
        except SttError as error:
            logger.warning("a lease could not be given back and will expire: %s", error.code)

    async def _renew(self, every: float) -> None:
        while True:
            await asyncio.sleep(every)
            try:
                await self._billing.renew(self._lease)
            except LeaseExpired:
                return  # settling it will say whether the work can still be charged
            except SttError as error:
                logger.warning("a lease could not be renewed: %s", error.code)


def allowance_headers(allowance: Allowance | None) -> dict[str, str]:
    """`RateLimit-*`. Credits do not come back with time, so for them there is no `RateLimit-Reset`."""
    if allowance is None:
        return {}
    headers = {"RateLimit-Limit": str(allowance.limit), "RateLimit-Remaining": str(max(0, allowance.remaining))}
    if allowance.reset_s is not None:
        headers["RateLimit-Reset"] = str(max(0, math.ceil(allowance.reset_s)))
    return headers


def bearer_of(headers: Mapping[str, str]) -> str | None:
    """Return the token of `Authorization`; None without the header. Raise `Unauthorized` if it holds anything else."""
    value = headers.get("authorization")
    if value is None:
        return None
    match = _BEARER.fullmatch(value.strip())
    if match is None:
        raise Unauthorized("The Authorization header must read `Bearer YOUR_API_KEY`.")
    return match[1]


def idempotency_key_of(headers: Mapping[str, str]) -> str | None:
    """Raise `BadParameter`."""
    value = headers.get("idempotency-key")
    if value is not None and not _IDEMPOTENCY_KEY.fullmatch(value):
        raise BadParameter("`Idempotency-Key` must be 1 to 255 printable ASCII characters.", "Idempotency-Key")
    return value
