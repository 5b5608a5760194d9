"""What all operations on jobs are made of. Each is one transaction, safe to repeat, and runs where billing's do."""

from sqlmodel import Session

from stt_ai.billing.counting import count
from stt_ai.billing.service import BillingService
from stt_ai.jobs.charging import JobCharges
from stt_ai.jobs.config import JobsConfig
from stt_ai.jobs.queue import Queue, WorkState
from stt_ai.jobs.tables import Job
from stt_ai.jobs.webhooks.events import announce
from stt_ai.meters import JOBS_ENDED

QUEUE = Queue(Job)


class JobOperations:
    """Plain and synchronous, to be called from several threads."""

    def __init__(self, billing: BillingService, config: JobsConfig) -> None:
        self.database = billing.database
        self.config = config
        self._billing = billing
        self._charges = JobCharges(billing)

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


def scrub(row: Job) -> None:
    """Remove what is about the recording."""
    row.title, row.options, row.source, row.speaker_names, row.error, row.webhook = "", "{}", "{}", "{}", "", ""
    row.summary_error, row.corrections = "", ""
