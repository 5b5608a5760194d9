"""What callers without a key did is forgotten, whole days at a time, when it no longer bounds anything.

A day's balance, its entries and its requests go together, so that what is left still agrees with itself. The database
lets no other entries go than these (migration 0003).
"""

from datetime import UTC, datetime

from sqlalchemy import delete, exists
from sqlmodel import Session, col, select

from stt_ai.accounts import PlanName
from stt_ai.billing.ledger import lock
from stt_ai.billing.tables import Balance, Caller, Claim, Lease, LeaseState, LedgerEntry

AT_A_TIME = 200
"""Callers: the others' requests wait no longer than for one of them."""


def with_old_days(session: Session, day: str) -> list[str]:
    """Anonymous callers of whom something is known from before ``day``, such as 2026-11-22; some of them."""
    begin = _begin_of(day)
    old_balance = exists().where(col(Balance.caller_id) == Caller.id, col(Balance.period) < day)
    old_lease = exists().where(col(Lease.caller_id) == Caller.id, col(Lease.created_at) < begin)
    unused = ~exists().where(col(Balance.caller_id) == Caller.id) & ~exists().where(col(Lease.caller_id) == Caller.id)
    found = (
        select(Caller.id)
        .where(Caller.plan == PlanName.ANONYMOUS, col(Caller.created_at) < begin)
        .where(old_balance | old_lease | unused)
        .limit(AT_A_TIME)
    )
    return list(session.exec(found).all())


def forget(session: Session, caller_id: str, day: str) -> None:
    """Everything before ``day``, and the caller when nothing is left. Leaves alone whoever has a request at work."""
    caller = lock(session, caller_id)
    if caller is None or caller.plan is not PlanName.ANONYMOUS:
        return
    old = (col(Lease.caller_id) == caller_id) & (col(Lease.created_at) < _begin_of(day))
    if session.exec(select(Lease.id).where(old, Lease.state == LeaseState.ACTIVE)).first() is not None:
        return
    session.exec(delete(Claim).where(col(Claim.lease_id).in_(select(Lease.id).where(old))))
    session.exec(delete(Lease).where(old))
    for table in (LedgerEntry, Balance):
        session.exec(delete(table).where(col(table.caller_id) == caller_id, col(table.period) < day))
    left = [
        session.exec(select(table.caller_id).where(table.caller_id == caller_id)).first()
        for table in (Lease, LedgerEntry, Balance, Claim)
    ]
    if not any(left) and caller.created_at < _begin_of(day):
        session.delete(caller)


def _begin_of(day: str) -> float:
    return datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()
