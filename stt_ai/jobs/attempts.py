"""What workers do with jobs: each attempt holds a lease of billing's, and ends by a charge or without one."""

import json

from sqlalchemy import func
from sqlmodel import Session, col, select

from stt_ai.billing import leases
from stt_ai.billing.counting import count
from stt_ai.billing.ledger import lock
from stt_ai.errors import PaymentRequired, ReplicaLost, SttError, TooManyRequests
from stt_ai.jobs.messages import ClaimedJob, JobLoad, NoSummary, Progress, Stage
from stt_ai.jobs.operations import QUEUE, JobOperations
from stt_ai.jobs.queue import PENDING, WorkState
from stt_ai.jobs.tables import Job
from stt_ai.jobs.webhooks.tables import WebhookDelivery
from stt_ai.meters import JOB_ATTEMPTS

RENEWALS = 4  # in the time of one lease: some may be lost


class WorkerOperations(JobOperations):
    """One job is in the hands of one worker, who names the fence of its claim."""

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

    def _begin(self, session: Session, row: Job, now: float) -> SttError | None:
        """Take billing's lease for an attempt; return why there is to be none."""
        self._charges.give_back(session, row, now)
        if row.lost >= self.config.max_lost:
            return ReplicaLost("The servers that worked on this file failed repeatedly. Please try again.")
        caller = lock(session, row.owner)
        assert caller is not None
        try:
            self._charges.begin(session, row, caller, now)
        except (PaymentRequired, TooManyRequests) as refusal:
            return refusal
        row.started_at, row.stage, row.seconds_left = row.started_at or now, Stage.DECODING, None
        session.add(row)
        return None
