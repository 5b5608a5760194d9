"""What is over: which jobs have left files, and when they are forgotten themselves."""

from sqlalchemy import exists
from sqlmodel import Session, col, delete, select

from stt_ai.jobs.config import HOUR_S
from stt_ai.jobs.messages import EndedJob
from stt_ai.jobs.operations import QUEUE, JobOperations, scrub
from stt_ai.jobs.queue import PENDING, WorkState
from stt_ai.jobs.tables import Job
from stt_ai.jobs.webhooks.tables import WebhookDelivery

AT_A_TIME = 100


class RetentionOperations(JobOperations):
    """Every step may be the last before a crash: the next sweep finds what is left."""

    def ended(self) -> tuple[EndedJob, ...]:
        """Return jobs that have left something, some of them. Whoever worked on them knows by now that they ended."""
        known = self._billing.clock() - self.config.lease_s
        with self.database.reading() as session:
            found = select(Job.id, Job.keep_audio).where(col(Job.leftovers), col(Job.ended_at) <= known)
            return tuple(EndedJob(*row) for row in session.exec(found.limit(AT_A_TIME)).all())

    def cleared(self, job_id: str) -> None:
        """Only what is to be kept of an ended job is in the store."""
        with self.database.transaction(durable=False) as session:
            row = QUEUE.find(session, job_id)
            if row is not None and row.state not in PENDING:
                row.leftovers = False
                session.add(row)

    def overdue(self) -> tuple[str, ...]:
        """Expire jobs whose time is over; return the ids of all whose files must go, some of them.

        Forget those that have been called expired for long enough, and the messages about them.
        """
        now = self._billing.clock()
        with self.database.transaction(durable=False) as session:
            self._forget(session, now)
        with self.database.reading() as session:
            found = select(Job.id).where(Job.expires_at <= now, Job.retention_s > 0).limit(AT_A_TIME)
            ids = session.exec(found).all()
        return tuple(job_id for job_id in ids if self._expire(job_id, now))

    def _expire(self, job_id: str, now: float) -> bool:
        """Return whether nobody works on the job any more: who does not know of its end may still write files."""
        with self.database.transaction() as session:
            row = QUEUE.find(session, job_id)
            if row is not None and row.owner:
                if row.state in PENDING:
                    self._end(session, row, WorkState.EXPIRED)
                row.state = WorkState.EXPIRED
                scrub(row)
                session.add(row)
            return row is None or row.lease_until <= now

    def erased(self, job_id: str) -> None:
        """The files of an overdue or erased job are gone: forget it, or soon where it is to be called expired."""
        with self.database.transaction() as session:
            row = session.get(Job, job_id)
            if row is not None and row.owner:
                row.retention_s, row.leftovers = 0.0, False
                session.add(row)
            elif row is not None:
                session.delete(row)

    def _forget(self, session: Session, now: float) -> None:
        """Delete messages about expired jobs that are not to be sent again, and jobs that have been expired long."""
        pending = col(WebhookDelivery.state).in_(PENDING)
        expired = select(Job.id).where(Job.state == WorkState.EXPIRED)
        session.exec(delete(WebhookDelivery).where(~pending, col(WebhookDelivery.job_id).in_(expired)))
        gone = now - self.config.expired_kept_hours * HOUR_S
        delivered = ~exists().where(col(WebhookDelivery.job_id) == col(Job.id), pending)
        session.exec(delete(Job).where(col(Job.retention_s) == 0.0, col(Job.expires_at) <= gone, delivered))

    def kept(self, job_ids: tuple[str, ...]) -> frozenset[str]:
        """Return those of ``job_ids`` whose files may be there."""
        with self.database.reading() as session:
            found = session.exec(select(Job.id).where(col(Job.id).in_(job_ids), Job.retention_s > 0)).all()
        return frozenset(found)
