"""The operations on jobs, each one transaction, each safe to repeat. They run where billing's do.

An attempt holds a lease of billing's, as a request does: a slot of its account, and a reservation. Charging it and
ending the job are one transaction, so that a job is charged once, and only when it succeeds.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict

from sqlalchemy import exists, func
from sqlmodel import Session, col, delete, select

from stt_ai.accounts import PlanName, WorkKind
from stt_ai.billing import accounts, leases
from stt_ai.billing.counting import count
from stt_ai.billing.ledger import lock
from stt_ai.billing.service import BillingService
from stt_ai.billing.tables import Caller
from stt_ai.errors import JobChanged, JobEnded, PaymentRequired, SttError, TooManyJobs, TooManyRequests
from stt_ai.jobs import listing
from stt_ai.jobs.charging import JobCharges
from stt_ai.jobs.config import HOUR_S, JobsConfig
from stt_ai.jobs.messages import (
    ClaimedJob,
    EndedJob,
    JobLoad,
    JobPage,
    JobStatus,
    JobView,
    NewJob,
    NoSummary,
    Progress,
    Stage,
)
from stt_ai.jobs.queue import PENDING, Queue, WorkState
from stt_ai.jobs.tables import Job
from stt_ai.jobs.webhooks.events import announce
from stt_ai.jobs.webhooks.tables import WebhookDelivery
from stt_ai.meters import JOB_ATTEMPTS, JOBS_ENDED

RENEWALS = 4  # in the time of one lease: some may be lost
AT_A_TIME = 100
QUEUE = Queue(Job)


class JobService:
    """Plain and synchronous, to be called from several threads."""

    def __init__(self, billing: BillingService, config: JobsConfig) -> None:
        self.database = billing.database
        self.config = config
        self._billing = billing
        self._charges = JobCharges(billing)

    # What callers ask.

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
            retention = min(new.retention_s or self.config.retention_hours * HOUR_S, self._longest_retention)
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
        """End a job at no charge; its worker hears of it with its next renewal. Raise `NotFound` or `JobEnded`."""
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
            row.webhook = ""  # nobody is told of what shall be forgotten
            session.exec(delete(WebhookDelivery).where(col(WebhookDelivery.job_id) == job_id))
            if row.state in PENDING:
                self._end(session, row, WorkState.CANCELLED)
            row.owner, row.anonymous, row.expires_at = "", False, 0.0
            row.idempotency_key = None
            _scrub(row)
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
                    raise JobChanged("The job was changed at the same time. Look at it, and try again.")
                row.corrections, row.corrected_at = name, self._billing.clock() if name else None
                session.add(row)
            return listing.view(row)

    # What workers ask.

    def claim(self) -> ClaimedJob | None:
        """Return the next job that can run, or None. A job that cannot be paid for, or fails for ever, ends here."""
        while True:
            with self.database.transaction(durable=False) as session:
                now = self._billing.clock()
                row = QUEUE.claim(session, now, self.config.lease_s, self._charges.has_slot(session, now))
                if row is None:
                    return None
                count(session, JOB_ATTEMPTS)
                if (refused := self._begin(session, row, now)) is None:
                    every = min(self.config.lease_s, self._billing.config.lease_s) / RENEWALS
                    return ClaimedJob(
                        id=row.id,
                        fence=row.fence,
                        attempt=row.attempt,
                        options=row.options,
                        source=row.source,
                        keep_audio=row.keep_audio,
                        renew_every_s=every,
                        summary=row.summary,
                    )
                row.error_code, row.error = refused.code, refused.message
                self._end(session, row, WorkState.FAILED)

    def renew(self, job_id: str, fence: int, progress: Progress) -> None:
        """Raise `LeaseExpired` where the job is in other hands, or cancelled: then the work is in vain."""
        with self.database.transaction(durable=False) as session:
            now, row = self._billing.clock(), QUEUE.held(session, job_id, fence)
            QUEUE.renew(session, row, now, self.config.lease_s, progressed=progress.done_s > row.done_s)
            row.stage, row.seconds_left = progress.stage, progress.seconds_left
            if progress.total_s:  # else this attempt does not know yet how much there is, and an earlier one did
                row.done_s, row.total_s = progress.done_s, progress.total_s
            self._charges.renew(session, row, now)

    def reserve(self, job_id: str, fence: int, seconds: float) -> None:
        """Hold what the audio costs. Raise `PaymentRequired`, `TooManyRequests` or `LeaseExpired`."""
        with self.database.transaction(durable=False) as session:
            row = QUEUE.held(session, job_id, fence)
            row.duration_s = seconds
            session.add(row)
            lease = leases.find_active(session, row.lease)
            leases.reserve(session, lease, seconds, self._billing.clock(), self._billing.config)

    def fetched(self, job_id: str, fence: int) -> None:
        """Forget where the recording came from, which may hold secrets: it is in the store. Raise `LeaseExpired`."""
        with self.database.transaction() as session:
            row = QUEUE.held(session, job_id, fence)
            row.source = json.dumps(json.loads(row.source) | {"url": "", "headers": {}})
            session.add(row)

    def succeed(self, job_id: str, fence: int, seconds: float, model: str, no_summary: NoSummary | None = None) -> None:
        """Charge the job and end it. Raise `PaymentRequired`, `TooManyRequests` or `LeaseExpired`.

        ``no_summary``: why there is none that was asked for; nothing is charged for it then. One that cannot be paid
        for any more is withheld.
        """
        now = self._billing.clock()
        with self.database.transaction() as session:
            done = QUEUE.find(session, job_id)
            if done is not None and done.state == WorkState.SUCCEEDED and done.fence == fence + 1:
                return  # the answer to the same call was lost
            row = QUEUE.held(session, job_id, fence)
            credits = self._charges.charge(session, row, seconds, now)
            row.duration_s, row.model, row.credits = seconds, model, credits
            if row.summary and no_summary is None:
                no_summary = self._charges.charge_summary(session, row, now)
            if no_summary is not None:
                row.summary_error_code, row.summary_error = no_summary.code, no_summary.message
            self._end(session, row, WorkState.SUCCEEDED)

    def fail(self, job_id: str, fence: int, code: str, message: str) -> None:
        """End the job at no charge, for a reason that another attempt would meet again. Raise `LeaseExpired`."""
        with self.database.transaction() as session:
            row = QUEUE.held(session, job_id, fence)
            row.error_code, row.error = code, message
            self._end(session, row, WorkState.FAILED)

    def retry(self, job_id: str, fence: int, code: str, message: str) -> None:
        """Put the job back after a fault of ours, or end it where that was so often. Raise `LeaseExpired`."""
        with self.database.transaction() as session:
            row = QUEUE.held(session, job_id, fence)
            row.error_code, row.error, row.failures = code, message, row.failures + 1
            if row.failures >= self.config.max_failures:
                self._end(session, row, WorkState.FAILED)
                return
            now = self._billing.clock()
            self._charges.give_back(session, row, now)
            QUEUE.retry(session, row, now + self.config.backoff_s * 2 ** (row.failures - 1))

    def load(self) -> JobLoad:
        """Return how much is to be done."""
        now = self._billing.clock()
        with self.database.reading() as session:
            waiting = select(func.count(), func.min(Job.created_at)).where(Job.state == WorkState.QUEUED)
            (queued, _), (_, oldest) = (
                session.exec(waiting).one(),
                session.exec(waiting.where(Job.not_before <= now)).one(),
            )
            running = session.exec(
                select(Job.total_s, Job.done_s, Job.duration_s).where(Job.state == WorkState.RUNNING)
            ).all()
            messages = select(func.count()).select_from(WebhookDelivery).where(col(WebhookDelivery.state).in_(PENDING))
            return JobLoad(
                queued=queued,
                running=len(running),
                oldest_s=now - oldest if oldest is not None else 0.0,
                remaining_s=tuple(total - done if total else duration or 0.0 for total, done, duration in running),
                webhooks=session.exec(messages).one(),
            )

    # Retention.

    def ended(self) -> tuple[EndedJob, ...]:
        """Return jobs that have left something, some of them. Whoever worked on them has heard of their end."""
        heard = self._billing.clock() - self.config.lease_s
        with self.database.reading() as session:
            found = select(Job.id, Job.keep_audio).where(col(Job.leftovers), col(Job.ended_at) <= heard)
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
        """Return whether nobody works on the job any more: who has not heard of its end may still write files."""
        with self.database.transaction() as session:
            row = QUEUE.find(session, job_id)
            if row is not None and row.owner:
                if row.state in PENDING:
                    self._end(session, row, WorkState.EXPIRED)
                row.state = WorkState.EXPIRED
                _scrub(row)
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
        told = ~exists().where(col(WebhookDelivery.job_id) == col(Job.id), pending)
        session.exec(delete(Job).where(col(Job.retention_s) == 0.0, col(Job.expires_at) <= gone, told))

    def kept(self, job_ids: tuple[str, ...]) -> frozenset[str]:
        """Return those of ``job_ids`` whose files may be there."""
        with self.database.reading() as session:
            found = session.exec(select(Job.id).where(col(Job.id).in_(job_ids), Job.retention_s > 0)).all()
        return frozenset(found)

    @property
    def _longest_retention(self) -> float:
        return self.config.max_retention_hours * HOUR_S

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

    def _begin(self, session: Session, row: Job, now: float) -> SttError | None:
        """Take billing's lease for an attempt; return why there is to be none."""
        self._charges.give_back(session, row, now)
        if row.lost >= self.config.max_lost:
            return TooManyRequests("The servers that worked on this file failed repeatedly. Please try again.")
        caller = lock(session, row.owner)
        assert caller is not None
        try:
            self._charges.begin(session, row, caller, now)
        except (PaymentRequired, TooManyRequests) as refusal:
            return refusal
        row.started_at, row.stage, row.seconds_left = row.started_at or now, Stage.DECODING, None
        session.add(row)
        return None

    def _end(self, session: Session, row: Job, state: WorkState) -> None:
        now = self._billing.clock()
        if state is not WorkState.SUCCEEDED:
            self._charges.give_back(session, row, now)
        else:
            row.error_code = row.error = ""
        if state is not WorkState.EXPIRED:
            row.expires_at = now + row.retention_s
        row.source, row.leftovers = "{}", True
        QUEUE.end(session, row, state, now)
        count(session, JOBS_ENDED, outcome=str(state))
        announce(session, row, self.config.public_url, now)


def _kinds(summary: str) -> tuple[WorkKind, ...]:
    """Return what a job is charged as, ``summary`` being the style of the one that was asked for."""
    return (WorkKind.TRANSCRIPTION, WorkKind.SUMMARY) if summary else (WorkKind.TRANSCRIPTION,)


def _scrub(row: Job) -> None:
    """Remove what is about the recording."""
    row.title, row.options, row.source, row.speaker_names, row.error, row.webhook = "", "{}", "{}", "{}", "", ""
    row.summary_error, row.corrections = "", ""
