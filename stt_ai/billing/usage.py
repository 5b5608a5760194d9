"""What an account used, by request and by day. A settled lease is the record of its request."""

from datetime import date, timedelta

from sqlalchemy import func, tuple_
from sqlmodel import Session, col, select

from stt_ai.accounts import DayUsage, UsageItem, UsagePage, WorkKind
from stt_ai.billing.accounts import moment
from stt_ai.billing.cursors import cursor_of, position_of
from stt_ai.billing.plans import day_of
from stt_ai.billing.tables import Lease, LeaseState

MAX_PAGE = 200


def page(session: Session, caller_id: str, cursor: str | None, limit: int) -> UsagePage:
    """Newest first, from after the ``cursor`` of the page before. New requests do not shift the pages."""
    limit = max(1, min(limit, MAX_PAGE))
    query = select(Lease).where(
        Lease.caller_id == caller_id, Lease.state == LeaseState.SETTLED, Lease.kind != WorkKind.SUBMISSION
    )
    if cursor is not None:
        query = query.where(tuple_(col(Lease.ended_at), col(Lease.id)) < position_of(cursor))
    rows = session.exec(query.order_by(col(Lease.ended_at).desc(), col(Lease.id).desc()).limit(limit + 1)).all()
    items = tuple(
        UsageItem(row.request_id, row.kind, moment(row.ended_at or 0.0), row.seconds, row.amount)
        for row in rows[:limit]
    )
    more = cursor_of(rows[limit - 1].ended_at or 0.0, rows[limit - 1].id) if len(rows) > limit else None
    return UsagePage(items, more)


def by_day(session: Session, caller_id: str, days: int, now: float) -> tuple[DayUsage, ...]:
    """Return the last ``days`` UTC days, today's included, that had requests."""
    first = date.fromisoformat(day_of(now)) - timedelta(days=max(1, min(days, 366)) - 1)
    rows = session.exec(
        select(Lease.day, func.count(), func.sum(Lease.seconds), func.sum(Lease.amount))
        .where(
            Lease.caller_id == caller_id,
            Lease.state == LeaseState.SETTLED,
            Lease.kind != WorkKind.SUBMISSION,
            col(Lease.day) >= first.isoformat(),
        )
        .group_by(Lease.day)
        .order_by(col(Lease.day).desc())
    )
    return tuple(DayUsage(date.fromisoformat(day), count, seconds, int(amount)) for day, count, seconds, amount in rows)
