"""Billing as the API sees it, over whatever carries an operation to where the database is."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar, cast

from stt_ai.accounts import (
    Account,
    Allowance,
    ApiKey,
    DayUsage,
    NewAccount,
    NewKey,
    NewToken,
    Permit,
    StoredResponse,
    UsagePage,
    WorkKind,
)
from stt_ai.billing import keys
from stt_ai.billing.messages import Asking, packed, unpacked
from stt_ai.billing.operations import Operations

P = ParamSpec("P")
R = TypeVar("R")


class Carrier(Protocol):
    """Carries out one of `OPERATIONS`, possibly more than once, and returns its result."""

    def __call__(self, operation: str, *arguments: Any) -> Awaitable[Any]: ...


class BillingClient:
    """Who may do what, and what it costs. Every call may be repeated: none counts, charges or creates a thing twice.

    A request goes `admit`, (`claim`), `reserve`, `settle`; `renew` meanwhile; `release` on every way out: after
    `settle` it does nothing. A lease that is not renewed expires and gives back what it holds. Settling an
    expired lease charges again where that is still covered, and raises where it is not: then nothing may be delivered.

    A stream reserves minute by minute, each before it begins, and is settled however it ends. When its lease expires,
    all minutes that it had reserved but the last are charged, for they had begun; the last is given back.

    ``credential`` is the bearer token as it came, None without `Authorization`; ``address`` the client's IP address.
    For a stream it may be a token of `create_token`, which is spent by being admitted. The client makes the ids and
    secrets of new things, so that a repeated operation is recognized.
    """

    def __init__(self, carry: Carrier) -> None:
        self._carry = carry

    async def _send(self, operation: Callable[Concatenate[Operations, P], R], *args: P.args, **_: P.kwargs) -> R:
        return cast(R, await self._carry(operation.__name__, *args))

    async def admit(
        self, credential: str | None, address: str, kind: WorkKind, request_id: str, idempotency_key: str | None = None
    ) -> Permit:
        """Check the caller and take a lease, and a slot where ``kind`` needs one.

        Raise `Unauthorized`, `PaymentRequired`, `TooManyRequests`, and `StillRunning` when another request with
        the same idempotency key is at work.
        """
        asking = Asking(secrets.token_hex(16), credential, address, kind, request_id, idempotency_key)
        return await self._send(Operations.admit, asking)

    async def claim(self, lease: str, key: str, fingerprint: str) -> StoredResponse | None:
        """Take the idempotency ``key`` for this lease; return the stored response to the same body, if any.

        ``fingerprint`` stands for the body. Raise `StillRunning`, `BadParameter` for another body, `LeaseExpired`.
        """
        stored = await self._send(Operations.claim, lease, key, fingerprint)
        return None if stored is None else await asyncio.to_thread(unpacked, stored)

    async def renew(self, lease: str) -> None:
        """Put off the lease's expiry. Raise `LeaseExpired`: then `settle` says whether the result can be delivered."""
        await self._send(Operations.renew, lease)

    async def reserve(self, lease: str, seconds: float) -> Allowance | None:
        """Hold what ``seconds`` of audio cost in all, and return what is left after it.

        Raise `PaymentRequired`, `TooManyRequests` or `LeaseExpired`.
        """
        return await self._send(Operations.reserve, lease, seconds)

    async def settle(self, lease: str, seconds: float, response: StoredResponse | None = None) -> Allowance | None:
        """Charge ``seconds`` of audio, give back what was reserved beyond, end the lease; return what is left.

        ``response`` is stored under the claimed key in the same step. Only afterwards may the result be delivered.
        Raise `PaymentRequired`, `TooManyRequests` or `LeaseExpired` where it cannot be charged.
        """
        small = None if response is None else await asyncio.to_thread(packed, response)
        return await self._send(Operations.settle, lease, seconds, small)

    async def release(self, lease: str) -> Allowance | None:
        """End the lease at no charge, and return what is left; do nothing to one that has ended or never was."""
        return await self._send(Operations.release, lease)

    async def account(self, credential: str) -> Account:
        """Return the caller's account. Raise `Unauthorized`, as the following do."""
        return await self._send(Operations.account, credential)

    async def usage(self, credential: str, cursor: str | None = None, limit: int = 50) -> UsagePage:
        """Return a page of the account's requests, the latest first. Raise `BadParameter` for an invalid cursor."""
        return await self._send(Operations.usage, credential, cursor, limit)

    async def daily_usage(self, credential: str, days: int = 31) -> tuple[DayUsage, ...]:
        """Return the last ``days`` UTC days that had requests, newest first."""
        return await self._send(Operations.daily_usage, credential, days)

    async def create_key(self, credential: str, name: str) -> NewKey:
        """Return a new key. Raise `BadParameter` for a name that is not accepted or too many keys."""
        return await self._send(Operations.create_key, credential, new_id("key"), keys.new_key(), name)

    async def list_keys(self, credential: str) -> tuple[ApiKey, ...]:
        """Return all keys, revoked ones too, oldest first."""
        return await self._send(Operations.list_keys, credential)

    async def revoke_key(self, credential: str, key_id: str) -> ApiKey:
        """Revoke a key, which may be the caller's, and return it. Raise `NotFound`."""
        return await self._send(Operations.revoke_key, credential, key_id)

    async def create_token(self, credential: str) -> NewToken:
        """Return a token for one stream that begins soon. Raise `TooManyRequests` if too many are unused."""
        return await self._send(Operations.create_token, credential, keys.new_token())

    async def sign_up(self, address: str, name: str) -> NewAccount:
        """Return a free account with its first key.

        Raise `Unauthorized` if sign-up is closed, `TooManyRequests` or `BadParameter`.
        """
        return await self._send(Operations.sign_up, address, name, new_id("acc"), new_id("key"), keys.new_key())


def new_id(kind: str) -> str:
    """Return an id that says what it is of: `acc_…`, `key_…`."""
    return f"{kind}_{keys.random_text(20)}"
