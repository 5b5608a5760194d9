"""A durable queue over any table whose rows are `QueuedWork`: leased, fenced, and fair between owners.

A row is claimed by one worker at a time. The worker holds it until ``lease_until`` and renews that while it works. Each
claim raises the row's ``fence``, and every commit of a worker names the fence that it was given: a worker that was
taken for dead cannot change what its successor does (Kleppmann, "How to do distributed locking", 2016). On PostgreSQL
claimers pass each other by `FOR UPDATE SKIP LOCKED`; SQLite's transactions begin with `BEGIN IMMEDIATE`.

Owners take turns: the one whose last turn is longest ago comes first, so many rows of one owner delay nobody else's.
"""

from collections.abc import Callable
from enum import StrEnum
from typing import Any, Generic, TypeVar

from sqlalchemy import ColumnElement, and_, exists, or_
from sqlmodel import Field, Session, SQLModel, col, select

from stt_ai.billing.database import insert_new
from stt_ai.billing.ledger import lock
from stt_ai.errors import LeaseExpired


class WorkState(StrEnum):
    """`queued` and `running` are on their way; the others are ends."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


PENDING = (WorkState.QUEUED, WorkState.RUNNING)


class QueuedWork(SQLModel):
    """The columns of a queue's table. Times are seconds since the epoch.

    ``attempt`` counts claims. Since the work last made progress, ``failures`` counts the attempts that failed, and
    ``lost`` those whose worker died or was cut off.
    """

    id: str = Field(primary_key=True, max_length=40)
    owner: str = Field(max_length=80)
    state: str = Field(default=WorkState.QUEUED, max_length=16)
    created_at: float
    not_before: float = 0.0
    attempt: int = 0
    failures: int = 0
    lost: int = 0
    fence: int = 0
    lease_until: float = 0.0
    ended_at: float | None = None


class Lane(SQLModel, table=True):
    """One owner's place in one queue. ``turn``: when work of theirs was last claimed, seconds since the epoch."""

    __tablename__ = "queue_lane"

    queue: str = Field(primary_key=True, max_length=40)
    owner: str = Field(primary_key=True, max_length=80)
    turn: float = 0.0


Row = TypeVar("Row", bound=QueuedWork)


class Queue(Generic[Row]):
    """The queue that ``table`` is. Its methods are steps of a transaction that the caller commits.

    Locks are taken in the order lane, caller, row, so that two transactions cannot wait for each other.
    """

    def __init__(self, table: type[Row]) -> None:
        self._table: Any = table  # its attributes are columns here, which the type checker takes for values
        self._name = str(table.__tablename__)

    def add(self, session: Session, row: Row) -> None:
        """Append ``row``; once, if it is there already under its id."""
        insert_new(session, Lane(queue=self._name, owner=row.owner))
        insert_new(session, row)

    def claim(
        self, session: Session, now: float, lease_s: float, may_run: Callable[[str], bool] = lambda owner: True
    ) -> Row | None:
        """Return the next row, leased for ``lease_s``, or None when nothing can run now.

        ``may_run`` is asked for the owner, whose `Caller` is locked then; False passes over all of the owner's work.
        """
        passed_over: list[str] = []
        while (lane := self._next_lane(session, now, passed_over)) is not None:
            lock(session, lane.owner)
            row = self._oldest(session, lane.owner, now) if may_run(lane.owner) else None
            if row is None:
                passed_over.append(lane.owner)
                continue
            lane.turn = now
            row.lost += row.state == WorkState.RUNNING  # by a worker that said nothing of its end
            row.state, row.lease_until = WorkState.RUNNING, now + lease_s
            row.attempt, row.fence = row.attempt + 1, row.fence + 1
            session.add_all((lane, row))
            session.flush()
            return row
        return None

    def held(self, session: Session, work_id: str, fence: int) -> Row:
        """Return the row that was claimed with ``fence``, locked. Raise `LeaseExpired` when another holds it."""
        row = self.find(session, work_id)
        if row is None or row.fence != fence or row.state != WorkState.RUNNING:
            raise LeaseExpired("The work was taken over or cancelled.", 1)
        return row

    def find(self, session: Session, work_id: str) -> Row | None:
        """Return the row, with its owner and itself locked; None where there is none."""
        owner = session.exec(select(self._table.owner).where(self._table.id == work_id)).first()
        if owner is None:
            return None
        lock(session, owner)
        locked = select(self._table).where(self._table.id == work_id).with_for_update()
        found: Row | None = session.exec(locked.execution_options(populate_existing=True)).first()
        return found

    def renew(self, session: Session, row: Row, now: float, lease_s: float, *, progressed: bool = False) -> None:
        """Hold the `held` row for another ``lease_s``. ``progressed``: since it failed or was lost."""
        row.lease_until = now + lease_s
        if progressed:
            row.failures = row.lost = 0
        session.add(row)

    def retry(self, session: Session, row: Row, not_before: float) -> None:
        """Put the row back, to be claimed from ``not_before`` on."""
        row.state, row.not_before, row.fence = WorkState.QUEUED, not_before, row.fence + 1
        session.add(row)

    def end(self, session: Session, row: Row, state: WorkState, now: float) -> None:
        """End the locked row; whoever works on it cannot commit any more."""
        row.state, row.ended_at, row.fence = state, now, row.fence + 1
        session.add(row)
        session.flush()

    def pending(self, session: Session, owner: str) -> int:
        """Return how many rows of ``owner`` have not ended."""
        rows = select(self._table.id).where(self._table.owner == owner, self._table.state.in_(PENDING))
        return len(session.exec(rows).all())

    def _ready(self, now: float) -> ColumnElement[bool]:
        """What waits for its time no longer, and what nobody renews."""
        table = self._table
        return or_(
            and_(table.state == WorkState.QUEUED, table.not_before <= now),
            and_(table.state == WorkState.RUNNING, table.lease_until <= now),
        )

    def _next_lane(self, session: Session, now: float, passed_over: list[str]) -> Lane | None:
        ready = exists().where(self._table.owner == Lane.owner, self._ready(now))
        lanes = select(Lane).where(Lane.queue == self._name, ready, col(Lane.owner).not_in(passed_over))
        first = lanes.order_by(col(Lane.turn), col(Lane.owner)).limit(1).with_for_update(skip_locked=True)
        return session.exec(first.execution_options(populate_existing=True)).first()

    def _oldest(self, session: Session, owner: str, now: float) -> Row | None:
        rows = select(self._table).where(self._table.owner == owner, self._ready(now))
        first = rows.order_by(self._table.created_at, self._table.id).limit(1).with_for_update(skip_locked=True)
        found: Row | None = session.exec(first.execution_options(populate_existing=True)).first()
        return found
