"""Operators' commands for accounts, keys, credits and the ledger, on the database itself."""

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import col, select

from stt_ai.accounts import Account, ApiKey, NewAccount, NewKey, PlanName
from stt_ai.billing import accounts, keys, ledger, reconciliation
from stt_ai.billing.client import new_id
from stt_ai.billing.plans import MeterName
from stt_ai.billing.service import BillingService
from stt_ai.billing.tables import Caller, EntryKind, LedgerEntry


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the ledger; `tables.LedgerEntry` says what the amounts mean."""

    id: int
    at: datetime
    meter: MeterName
    period: str
    kind: EntryKind
    amount: int
    held: int
    request: str


class Operators:
    """Works beside a running service: its transactions are the service's own."""

    def __init__(self, service: BillingService) -> None:
        self._database = service.database
        self._config = service.config
        self._clock = service.clock

    def create_account(self, name: str, plan: PlanName = PlanName.FREE, credits: int = 0) -> NewAccount:
        """Create an account with its first key. Credits make it a paid one."""
        now = self._clock()
        with self._database.transaction() as session:
            caller = accounts.create(session, new_id("acc"), name, _for_accounts(plan), now)
            if credits:
                ledger.grant(session, caller, credits, "first", now, self._config)
            secret = keys.new_key()
            key = accounts.create_key(session, caller, new_id("key"), secret, "first key", now, self._config)
            return NewAccount(accounts.account_value(session, caller, now, self._config), key)

    def list_accounts(self) -> tuple[Account, ...]:
        """Oldest first."""
        with self._database.reading() as session:
            rows = session.exec(
                select(Caller).where(Caller.plan != PlanName.ANONYMOUS).order_by(col(Caller.created_at), col(Caller.id))
            ).all()
            return tuple(accounts.account_value(session, row, self._clock(), self._config) for row in rows)

    def account(self, account_id: str) -> Account:
        """Raise `NotFound`, as do the following."""
        with self._database.reading() as session:
            caller = accounts.found(session, account_id)
            return accounts.account_value(session, caller, self._clock(), self._config)

    def set_plan(self, account_id: str, plan: PlanName) -> Account:
        """Work that runs stays on the plan that it began with."""
        with self._database.transaction() as session:
            caller = accounts.locked(session, account_id)
            caller.plan = _for_accounts(plan)
            session.add(caller)
            return accounts.account_value(session, caller, self._clock(), self._config)

    def grant(self, account_id: str, credits: int, reference: str) -> bool:
        """Grant credits once for each ``reference``, and make the account a paid one; return False if they were
        granted.

        A negative number takes them back. Raise `BadParameter` when they are not there any more.
        """
        with self._database.transaction() as session:
            caller = accounts.locked(session, account_id)
            return ledger.grant(session, caller, credits, reference, self._clock(), self._config)

    def create_key(self, account_id: str, name: str) -> NewKey:
        """Return a new key of the account. Its secret is shown this once."""
        with self._database.transaction() as session:
            caller = accounts.locked(session, account_id)
            return accounts.create_key(
                session, caller, new_id("key"), keys.new_key(), name, self._clock(), self._config
            )

    def list_keys(self, account_id: str) -> tuple[ApiKey, ...]:
        """Return the account's keys, the oldest first, revoked ones too."""
        with self._database.reading() as session:
            return accounts.list_keys(session, accounts.found(session, account_id).id)

    def revoke_key(self, key_id: str) -> ApiKey:
        """Revoke the key, and return it."""
        with self._database.transaction() as session:
            return accounts.revoke_key(session, key_id, self._clock())

    def entries(self, account_id: str, limit: int) -> tuple[Entry, ...]:
        """Newest first."""
        with self._database.reading() as session:
            accounts.found(session, account_id)
            query = select(LedgerEntry).where(LedgerEntry.caller_id == account_id)
            rows = session.exec(query.order_by(col(LedgerEntry.id).desc()).limit(limit)).all()
            return tuple(_entry(row) for row in rows)

    def reconcile(self) -> tuple[str, ...]:
        """Return every way in which the books do not agree with themselves; empty when they do."""
        with self._database.reading() as session:
            return tuple(reconciliation.findings(session))


def _for_accounts(plan: PlanName) -> PlanName:
    if plan is PlanName.ANONYMOUS:
        raise ValueError("an account is not anonymous")
    return plan


def _entry(row: LedgerEntry) -> Entry:
    at = accounts.moment(row.created_at)
    return Entry(row.id or 0, at, row.meter, row.period, row.kind, row.amount, row.held, row.request)
