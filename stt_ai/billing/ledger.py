"""The ledger: entries are only ever added, and balances are their sums."""

from math import ceil

from sqlalchemy import bindparam, insert
from sqlmodel import Session, select

from stt_ai.accounts import Allowance, PlanName
from stt_ai.billing.counting import count
from stt_ai.billing.plans import BillingConfig, Meter, MeterName
from stt_ai.billing.tables import Balance, Caller, EntryKind, Lease, LedgerEntry
from stt_ai.errors import BadParameter, PaymentRequired, SttError, TooManyRequests
from stt_ai.meters import CREDITS

NO_CREDITS = "No credits remaining. Upgrade your plan."


# A query for an object of the session would take three times as long, and callers wait for it.
_NEW_ENTRY = insert(LedgerEntry)


class Pool:
    """One caller's balance on one meter. The caller's row must be locked before anything is posted."""

    def __init__(self, session: Session, caller_id: str, meter: Meter, config: BillingConfig) -> None:
        self.caller_id = caller_id
        self.meter = meter
        self._session = session
        self._config = config
        found = session.get(Balance, (caller_id, meter.name, meter.period))
        self.balance = found or Balance(caller_id=caller_id, meter=meter.name, period=meter.period)

    def available(self) -> int:
        """Return what is neither used nor reserved; below zero only where an operator has lowered a limit since."""
        return self._config.limit(self.meter.name) + self.balance.amount - self.balance.held

    def allowance(self, now: float) -> Allowance:
        """Return what there is of it and what is left, for the `RateLimit` headers."""
        limit, end = self._config.limit(self.meter.name) + self.balance.granted, self.meter.resets_at
        return Allowance(limit, max(0, self.available()), None if end is None else max(0, ceil(end - now)))

    def refusal(self, needed: int, now: float) -> SttError:
        """Return why ``needed`` more cannot be had, in words for the caller."""
        allowance = self.allowance(now)
        end = max(1, allowance.reset_s or 1)
        match self.meter.name:
            case MeterName.CREDITS if allowance.remaining > 0:
                return PaymentRequired(
                    f"This recording needs {needed} credits; you have {allowance.remaining}. "
                    f"{self._buy('Add credits')}, or send a shorter recording."
                )
            case MeterName.CREDITS:
                return PaymentRequired(
                    NO_CREDITS + (f" {self._buy('Buy credits')}." if self._config.upgrade_url else "")
                )
            case MeterName.MINUTES if allowance.remaining > 0:
                message = (
                    f"This recording needs {needed} minutes; {allowance.remaining} of this month's {allowance.limit} "
                    f"free ones are left. {self._buy('Buy credits')}, or send a shorter recording."
                )
            case MeterName.MINUTES:
                message = (
                    f"This month's {allowance.limit} free minutes are used up. "
                    f"{self._buy('Buy credits')}, or wait for the next month (UTC)."
                )
            case MeterName.SIGN_UPS:
                message = "Too many accounts were created from your address today. Try again after midnight UTC."
            case name:
                message = (
                    f"The {allowance.limit} {name} a day without a key are used up. "
                    "Sign up for a free key (POST /v1/account), or try again after midnight UTC."
                )
        return TooManyRequests(message, end, allowance.limit)

    def _buy(self, words: str) -> str:
        """Return ``words`` with the address of the operator's page, if there is one."""
        return f"{words} at {self._config.upgrade_url}" if self._config.upgrade_url else words

    def require(self, needed: int, now: float) -> None:
        """Raise `PaymentRequired` or `TooManyRequests` unless ``needed`` more can be had."""
        if needed > self.available():
            raise self.refusal(needed, now)

    def post(self, kind: EntryKind, request: str, now: float, *, amount: int = 0, held: int = 0, step: int = 0) -> None:
        """Add an entry. One of the same request, kind and step is an error of ours: the database refuses it."""
        row = {
            "caller_id": self.caller_id,
            "meter": self.meter.name,
            "period": self.meter.period,
            "request": request,
            "kind": kind,
            "step": step,
            "amount": amount,
            "held": held,
            "created_at": now,
        }
        self._session.connection().execute(_NEW_ENTRY, row)
        self.balance.amount += amount
        self.balance.held += held
        self.balance.granted += amount if kind is EntryKind.GRANT else 0
        self._session.add(self.balance)
        self._session.flush()
        count(self._session, CREDITS, abs(amount or held), meter=str(self.meter.name), entry=str(kind))


def pool_of(session: Session, lease: Lease, config: BillingConfig) -> Pool | None:
    """Return the pool that the lease draws on; None when it is not counted."""
    if lease.meter is None:
        return None
    return Pool(session, lease.caller_id, Meter(lease.meter, lease.period), config)


# Built once: to build a statement takes longer than to run it.
_LOCKED = select(Caller).where(Caller.id == bindparam("id")).with_for_update().execution_options(populate_existing=True)


def lock(session: Session, caller_id: str) -> Caller | None:
    """Return the caller, locked until the transaction ends. In SQLite the whole database is locked already."""
    return session.exec(_LOCKED, params={"id": caller_id}).first()


def grant(session: Session, caller: Caller, credits: int, reference: str, now: float, config: BillingConfig) -> bool:
    """Grant credits, or take them back with a negative number; return False if ``reference`` was granted before.

    The locked caller is a paying one from then on: when the credits are gone, it is told so, and not made free again.
    Raise `BadParameter` for taking what is not there, or for a reference that stood for another amount.
    """
    pool = Pool(session, caller.id, Meter(MeterName.CREDITS), config)
    request = f"{caller.id}:{reference}"
    before = session.exec(
        select(LedgerEntry).where(LedgerEntry.request == request, LedgerEntry.kind == EntryKind.GRANT)
    ).first()
    if before is not None:
        if before.amount != credits:
            raise BadParameter(f"`reference` {reference} was already used for a grant of {before.amount}.", "reference")
        return False
    if pool.available() + credits < 0:
        raise BadParameter(f"`credits`: only {pool.available()} can be taken back.", "credits")
    pool.post(EntryKind.GRANT, request, now, amount=credits)
    if credits > 0:
        caller.plan = PlanName.PAID
        session.add(caller)
    return True
