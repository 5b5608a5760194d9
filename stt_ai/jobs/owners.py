"""What callers do with their jobs."""

import json
from collections.abc import Mapping
from dataclasses import asdict

from sqlmodel import Session, col, delete, select

from stt_ai.accounts import PlanName, WorkKind
from stt_ai.billing import accounts, leases
from stt_ai.billing.tables import Caller
from stt_ai.errors import JobChanged, JobEnded, TooManyJobs
from stt_ai.jobs import listing
from stt_ai.jobs.config import HOUR_S
from stt_ai.jobs.messages import JobPage, JobStatus, JobView, NewJob
from stt_ai.jobs.operations import QUEUE, JobOperations, scrub
from stt_ai.jobs.queue import PENDING, WorkState
from stt_ai.jobs.tables import Job
from stt_ai.jobs.webhooks.tables import WebhookDelivery


class OwnerOperations(JobOperations):
    """The jobs of one caller, known by its credential, or by the lease of its request."""

    def create(self, lease_id: str, new: NewJob) -> JobView:
        """Queue a job for the caller that the lease of its request belongs to. Raise `TooManyJobs`.

        The same idempotency key gets the same job as long as that is kept.
        """
        now = self._billing.clock()
        with self.database.transaction() as session:
            owner = leases.find_active(session, lease_id).caller_id
            if (found := self._same(session, owner, new)) is not None:
                return listing.view(found)
            anonymous = session.get_one(Caller, owner).plan is PlanName.ANONYMOUS
            limit = self.config.max_queued_anonymous if anonymous else self.config.max_queued
            if QUEUE.pending(session, owner) >= limit:
                raise TooManyJobs(f"You have {limit} jobs that wait or run. Wait until one has ended, or cancel one.")
            retention = min(
                new.retention_s or self.config.retention_hours * HOUR_S, self.config.max_retention_hours * HOUR_S
            )
            for kind in _kinds(new.summary):
                self._charges.require_allowance(session, session.get_one(Caller, owner), kind, now)
            row = Job(
                **asdict(new) | {"retention_s": retention},
                owner=owner,
                anonymous=anonymous,
                created_at=now,
                expires_at=now + retention,
            )
            QUEUE.add(session, row)
            return listing.view(row)

    def get(self, credential: str | None, job_id: str) -> JobView:
        """Raise `NotFound`, also for a job of another account."""
        with self.database.reading() as session:
            return listing.view(listing.own_job(session, credential, job_id))

    def list_jobs(self, credential: str, status: JobStatus | None, cursor: str | None, limit: int) -> JobPage:
        """Raise `Unauthorized`, or `BadParameter` for a cursor that is none."""
        with self.database.reading() as session:
            return listing.page(session, accounts.authenticate(session, credential).id, status, cursor, limit)

    def cancel(self, credential: str | None, job_id: str) -> JobView:
        """End a job at no charge; its worker learns of it at its next renewal. Raise `NotFound` or `JobEnded`."""
        with self.database.transaction() as session:
            row = self._locked(session, credential, job_id)
            if row.state not in PENDING and row.state != WorkState.CANCELLED:
                raise JobEnded(f"The job has {row.state} already.")
            if row.state in PENDING:
                self._end(session, row, WorkState.CANCELLED)
            return listing.view(row)

    def erase(self, credential: str | None, job_id: str) -> None:
        """Let go of a job, which nobody sees any more; `erased` says that its files are gone too. Raise `NotFound`."""
        with self.database.transaction() as session:
            row = self._locked(session, credential, job_id)
            row.webhook = ""  # no message is sent about what shall be forgotten
            session.exec(delete(WebhookDelivery).where(col(WebhookDelivery.job_id) == job_id))
            if row.state in PENDING:
                self._end(session, row, WorkState.CANCELLED)
            row.owner, row.anonymous, row.expires_at = "", False, 0.0
            row.idempotency_key = None
            scrub(row)
            session.add(row)

    def rename_speakers(self, credential: str | None, job_id: str, names: Mapping[str, str]) -> JobView:
        """Change names that a job's speakers are shown by; an empty one restores the original. Raise `NotFound`."""
        with self.database.transaction() as session:
            row = self._locked(session, credential, job_id)
            known = json.loads(row.speaker_names) | dict(names)
            row.speaker_names = json.dumps({name: shown for name, shown in known.items() if shown})
            session.add(row)
            return listing.view(row)

    def correct(self, credential: str | None, job_id: str, replaced: str, name: str) -> JobView:
        """Make the object ``name`` a job's corrections, in the place of ``replaced``; an empty name stands for none.

        Raise `NotFound`, or `JobChanged` where others have replaced that meanwhile.
        """
        with self.database.transaction() as session:
            row = self._locked(session, credential, job_id)
            if row.corrections != name:
                if row.corrections != replaced or row.state != WorkState.SUCCEEDED:
                    raise JobChanged
                row.corrections, row.corrected_at = name, self._billing.clock() if name else None
                session.add(row)
            return listing.view(row)

    def _same(self, session: Session, owner: str, new: NewJob) -> Job | None:
        """Return the job that was queued by the same request before."""
        if (row := session.get(Job, new.id)) is not None:
            return row
        if new.idempotency_key is None:
            return None
        keyed = select(Job).where(Job.owner == owner, Job.idempotency_key == new.idempotency_key)
        row = session.exec(keyed).first()
        if row is not None and row.created_at <= self._billing.clock() - self._billing.config.response_kept_s:
            row.idempotency_key = None  # billing has forgotten the key, too
            session.add(row)
            session.flush()
            return None
        return row

    def _locked(self, session: Session, credential: str | None, job_id: str) -> Job:
        listing.own_job(session, credential, job_id)
        row = QUEUE.find(session, job_id)
        assert row is not None
        return row


def _kinds(summary: str) -> tuple[WorkKind, ...]:
    """Return what a job is charged as, ``summary`` being the style of the one that was asked for."""
    return (WorkKind.TRANSCRIPTION, WorkKind.SUMMARY) if summary else (WorkKind.TRANSCRIPTION,)
