"""Billing as the API sees it, over whatever carries an operation to where the database is."""

import asyncio
import secrets
from collections.abc import Awaitable
from typing import Any, Protocol

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


class Carrier(Protocol):
    """Carries out one of `BillingWorker.OPERATIONS`, possibly more than once, and returns its result."""

    def __call__(self, operation: str, *arguments: Any) -> Awaitable[Any]: ...


class BillingClient:
    """The `Billing` port. It makes the ids and secrets of new things, so that a repeated operation is recognised."""

    def __init__(self, carry: Carrier) -> None:
        self._carry = carry

    async def admit(
        self, credential: str | None, address: str, kind: WorkKind, request_id: str, idempotency_key: str | None = None
    ) -> Permit:
        """As `stt_ai.ports.Billing.admit`."""
        asking = Asking(secrets.token_hex(16), credential, address, kind, request_id, idempotency_key)
        permit: Permit = await self._carry("admit", asking)
        return permit

    async def claim(self, lease: str, key: str, fingerprint: str) -> StoredResponse | None:
        """As `stt_ai.ports.Billing.claim`."""
        stored: StoredResponse | None = await self._carry("claim", lease, key, fingerprint)
        return None if stored is None else await asyncio.to_thread(unpacked, stored)

    async def renew(self, lease: str) -> None:
        """As `stt_ai.ports.Billing.renew`."""
        await self._carry("renew", lease)

    async def reserve(self, lease: str, seconds: float) -> Allowance | None:
        """As `stt_ai.ports.Billing.reserve`."""
        allowance: Allowance | None = await self._carry("reserve", lease, seconds)
        return allowance

    async def settle(self, lease: str, seconds: float, response: StoredResponse | None = None) -> Allowance | None:
        """As `stt_ai.ports.Billing.settle`."""
        small = None if response is None else await asyncio.to_thread(packed, response)
        allowance: Allowance | None = await self._carry("settle", lease, seconds, small)
        return allowance

    async def release(self, lease: str) -> Allowance | None:
        """As `stt_ai.ports.Billing.release`."""
        allowance: Allowance | None = await self._carry("release", lease)
        return allowance

    async def account(self, credential: str) -> Account:
        """As `stt_ai.ports.Billing.account`."""
        account: Account = await self._carry("account", credential)
        return account

    async def usage(self, credential: str, cursor: str | None = None, limit: int = 50) -> UsagePage:
        """As `stt_ai.ports.Billing.usage`."""
        page: UsagePage = await self._carry("usage", credential, cursor, limit)
        return page

    async def daily_usage(self, credential: str, days: int = 31) -> tuple[DayUsage, ...]:
        """As `stt_ai.ports.Billing.daily_usage`."""
        found: tuple[DayUsage, ...] = await self._carry("daily_usage", credential, days)
        return found

    async def create_key(self, credential: str, name: str) -> NewKey:
        """As `stt_ai.ports.Billing.create_key`."""
        key: NewKey = await self._carry("create_key", credential, new_id("key"), keys.new_key(), name)
        return key

    async def list_keys(self, credential: str) -> tuple[ApiKey, ...]:
        """As `stt_ai.ports.Billing.list_keys`."""
        found: tuple[ApiKey, ...] = await self._carry("list_keys", credential)
        return found

    async def revoke_key(self, credential: str, key_id: str) -> ApiKey:
        """As `stt_ai.ports.Billing.revoke_key`."""
        key: ApiKey = await self._carry("revoke_key", credential, key_id)
        return key

    async def create_token(self, credential: str) -> NewToken:
        """As `stt_ai.ports.Billing.create_token`."""
        token: NewToken = await self._carry("create_token", credential, keys.new_token())
        return token

    async def sign_up(self, address: str, name: str) -> NewAccount:
        """As `stt_ai.ports.Billing.sign_up`."""
        ids = (new_id("acc"), new_id("key"), keys.new_key())
        account: NewAccount = await self._carry("sign_up", address, name, *ids)
        return account


def new_id(kind: str) -> str:
    """An id that says what it is of: `acc_…`, `key_…`."""
    return f"{kind}_{keys.random_text(20)}"
