"""Leases: what a request holds while it works, a slot and a reservation, and how it gives them back."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import bindparam
from sqlmodel import Session, col, select

from stt_ai.accounts import Allowance, PlanName, WorkKind
from stt_ai.billing.ledger import lock, pool_of
from stt_ai.billing.plans import BillingConfig, day_of
from stt_ai.billing.pricing import cost_of
from stt_ai.billing.tables import EntryKind, Lease, LeaseState
from stt_ai.errors import LeaseExpired, TooManyRequests

SLOTTED = (WorkKind.TRANSCRIPTION, WorkKind.STREAM)
AT_ONCE_RETRY_S = 2.0

_GONE = "The service lost contact with this request for too long and abandoned it. Please send it again."


def given_up() -> LeaseExpired:
    """Return the error for a lease that expired or was released."""
    return LeaseExpired("The request took too long and was abandoned. Please send it again.", 1)


_CALLER = select(Lease.caller_id).where(Lease.id == bindparam("lease"))


def find(session: Session, lease_id: str) -> Lease | None:
    """Return the lease, with its caller locked."""
    caller_id = session.exec(_CALLER, params={"lease": lease_id}).first()
    if caller_id is None:
        return None
    lock(session, caller_id)
    return session.get(Lease, lease_id)


def find_active(session: Session, lease_id: str) -> Lease:
    """As `find`. Raise `LeaseExpired` when it has ended.

    A lease is active until someone marks it expired, even past its time: an outage of billing itself, in which nobody
    could renew, shall not end work that still runs.
    """
    lease = find(session, lease_id)
    if lease is None or lease.state is not LeaseState.ACTIVE:
        raise LeaseExpired(_GONE, 1)
    return lease


@dataclass(frozen=True, slots=True)
class Holding:
    """The active leases of one caller: their ids, how many of them occupy a slot, and how many have just expired.

    Summaries have as many places as there are slots, and take none of these.
    """

    leases: frozenset[str]
    slots: int
    expired: int = 0

    def inside(self, kind: WorkKind) -> int:
        """Return how many share their bound with one of this kind."""
        return self.slots if kind in SLOTTED else len(self.leases) - self.slots


_ACTIVE = select(Lease.id, Lease.kind, Lease.expires_at).where(
    Lease.caller_id == bindparam("caller"), Lease.state == LeaseState.ACTIVE
)


def holding(session: Session, caller_id: str) -> Holding:
    """Return what the caller's active leases hold together."""
    return _held(session.exec(_ACTIVE, params={"caller": caller_id}).all())


def _held(rows: Sequence[tuple[str, str, float]], expired: int = 0) -> Holding:
    return Holding(frozenset(row[0] for row in rows), sum(row[1] in SLOTTED for row in rows), expired)


def expire(session: Session, caller_id: str, now: float, config: BillingConfig) -> Holding:
    """End the locked caller's leases that nobody renewed in time; return what is left."""
    rows = session.exec(_ACTIVE, params={"caller": caller_id}).all()
    for overdue in [row[0] for row in rows if row[2] <= now]:
        _expire(session, session.get_one(Lease, overdue), now, config)
    left = [row for row in rows if row[2] > now]
    return _held(left, len(rows) - len(left))


def _expire(session: Session, lease: Lease, now: float, config: BillingConfig) -> None:
    """Give back what the lease holds, but for the minutes of a stream that are known to have begun.

    Its next minute is reserved when the one before is about to end. So all that are reserved but the last were begun,
    and are charged; the last cannot be known, and it is free.
    """
    begun = lease.held - 1
    if lease.kind is WorkKind.STREAM and lease.plan is not PlanName.ANONYMOUS and begun > 0:
        settle(session, lease, 60.0 * begun, now, config)
    else:
        give_back(session, lease, LeaseState.EXPIRED, now, config)


def require_slot(held: Holding, kind: WorkKind, plan: PlanName, config: BillingConfig) -> None:
    """Raise `TooManyRequests` when as many of a kind are at work as the plan has slots."""
    limit = config.limits(plan).max_concurrency
    if held.inside(kind) >= limit:
        requests = "one request" if limit == 1 else f"{limit} requests"
        raise TooManyRequests(f"Your plan allows {requests} at once. Try again when one has ended.", AT_ONCE_RETRY_S)


def reserve(session: Session, lease: Lease, seconds: float, now: float, config: BillingConfig) -> Allowance | None:
    """Hold the cost of ``seconds``. Raise `PaymentRequired` or `TooManyRequests` when it is not covered."""
    pool = pool_of(session, lease, config)
    if pool is None:
        return None
    total = cost_of(lease.kind, lease.plan, seconds)
    if total > lease.held:
        pool.require(total - lease.held, now)
        pool.post(EntryKind.RESERVE, lease.id, now, held=total - lease.held, step=total)
        lease.held = total
        session.add(lease)
    return pool.allowance(now)


def settle(session: Session, lease: Lease, seconds: float, now: float, config: BillingConfig) -> Allowance | None:
    """Charge ``seconds``, once. What is not reserved, as after an expiry, must be covered now.

    Raise `PaymentRequired` or `TooManyRequests` when it is not.
    """
    pool = pool_of(session, lease, config)
    if lease.state is LeaseState.SETTLED:
        return pool.allowance(now) if pool else None
    if pool is not None:
        cost = cost_of(lease.kind, lease.plan, seconds)
        if cost > lease.held:
            pool.require(cost - lease.held, now)
        pool.post(EntryKind.SETTLE, lease.id, now, amount=-cost, held=-lease.held)
        lease.amount, lease.held = cost, 0
    lease.seconds, lease.day = seconds, day_of(now)
    _end(session, lease, LeaseState.SETTLED, now)
    return pool.allowance(now) if pool else None


def give_back(session: Session, lease: Lease, state: LeaseState, now: float, config: BillingConfig) -> Allowance | None:
    """End the lease as released or expired; what it holds is free again."""
    pool = pool_of(session, lease, config)
    if pool is not None and lease.held:
        kind = EntryKind.EXPIRE if state is LeaseState.EXPIRED else EntryKind.RELEASE
        pool.post(kind, lease.id, now, held=-lease.held)
        lease.held = 0
    _end(session, lease, state, now)
    return pool.allowance(now) if pool else None


def _end(session: Session, lease: Lease, state: LeaseState, now: float) -> None:
    lease.state, lease.ended_at = state, now
    session.add(lease)
    session.flush()


def callers_with_overdue(session: Session, now: float) -> list[str]:
    """Return the ids of callers with leases that expired before ``now``."""
    found = select(Lease.caller_id).where(Lease.state == LeaseState.ACTIVE, col(Lease.expires_at) <= now).distinct()
    return list(session.exec(found).all())
