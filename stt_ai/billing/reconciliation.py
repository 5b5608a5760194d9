"""Proves that the books agree with themselves: what each invariant forbids is looked for in the database.

1.  Every balance is the sum of its entries: balance = grants − settled − reserved.
2.  No account has spent or reserved more credits than it was granted.
3.  A request holds what its entries say, and nothing once it has ended.
4.  A request was settled at most once, and charged what its audio costs; one that failed was charged nothing.
"""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Integer, case, func, select
from sqlmodel import Session, col

from stt_ai.billing.plans import MeterName
from stt_ai.billing.pricing import cost_of
from stt_ai.billing.tables import Balance, EntryKind, Lease, LeaseState, LedgerEntry


def findings(session: Session) -> Iterator[str]:
    """Yield a sentence for each error. Every entry and every request is read, one after the other."""
    yield from _balances(session)
    yield from _leases(session)


def _balances(session: Session) -> Iterator[str]:
    granted = case((col(LedgerEntry.kind) == EntryKind.GRANT, LedgerEntry.amount), else_=0)
    keys = (col(LedgerEntry.caller_id), col(LedgerEntry.meter), col(LedgerEntry.period))
    sums = {
        (caller, meter, period): tuple(numbers)
        for caller, meter, period, *numbers in session.execute(
            select(*keys, _sum(granted), _sum(LedgerEntry.amount), _sum(LedgerEntry.held)).group_by(*keys)
        )
    }
    for row in session.execute(select(Balance)).scalars():
        recorded = (row.granted, row.amount, row.held)
        proved = sums.pop((row.caller_id, row.meter, row.period), (0, 0, 0))
        where = f"{row.caller_id}, {row.meter} {row.period}".rstrip()
        if recorded != proved:
            yield f"{where}: the balance says granted, amount, held = {recorded}, the entries {proved}."
        if row.meter is MeterName.CREDITS and row.amount - row.held < 0:
            yield f"{where}: {row.amount - row.held} credits are left."
        if row.held < 0:
            yield f"{where}: {row.held} is reserved."
    for caller, meter, period in sums:
        yield f"{caller}, {meter} {period}: there are entries and no balance."


def _leases(session: Session) -> Iterator[str]:
    settled = case((col(LedgerEntry.kind) == EntryKind.SETTLE, 1), else_=0)
    entries = (
        select(
            col(LedgerEntry.request),
            _sum(LedgerEntry.amount).label("amount"),
            _sum(LedgerEntry.held).label("held"),
            _sum(settled).label("settled"),
            func.count(func.distinct(LedgerEntry.caller_id)).label("callers"),
            func.min(LedgerEntry.caller_id).label("caller"),
        )
        .group_by(col(LedgerEntry.request))
        .subquery()
    )
    query = select(Lease, entries).outerjoin(entries, col(Lease.id) == entries.c.request)
    for lease, _, amount, held, times, callers, caller in session.execute(query):
        for wrong in _faults(lease, amount or 0, held or 0, times or 0):
            yield f"request {lease.id} of {lease.caller_id} ({lease.state}): {wrong}."
        if callers not in (None, 0, 1) or caller not in (None, lease.caller_id):
            yield f"request {lease.id} of {lease.caller_id}: it was charged to another caller."


def _faults(lease: Lease, amount: int, held: int, times: int) -> Iterator[str]:
    if lease.held != held:
        yield f"it says that it holds {lease.held}, the entries {held}"
    if lease.state is not LeaseState.ACTIVE and held:
        yield f"it has ended and holds {held}"
    if lease.amount != -amount:
        yield f"it says that it was charged {lease.amount}, the entries {-amount}"
    counted = lease.state is LeaseState.SETTLED and lease.meter is not None
    if times != counted:
        yield f"it was settled {times} times"
    if counted and lease.amount != cost_of(lease.kind, lease.plan, lease.seconds):
        yield f"it was charged {lease.amount} for {lease.seconds:g} seconds"


def _sum(column: Any) -> Any:
    return func.coalesce(func.sum(column), 0).cast(Integer)
