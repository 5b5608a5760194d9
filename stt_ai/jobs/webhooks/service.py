"""The operations on webhooks, each one transaction, each safe to repeat. They run where billing's do."""

import json
import random
from collections.abc import Callable
from dataclasses import asdict

from sqlmodel import Session, col, select

from stt_ai.billing import accounts
from stt_ai.billing.counting import count
from stt_ai.billing.database import insert_new
from stt_ai.billing.service import BillingService
from stt_ai.errors import NotFound, TooManyRequests
from stt_ai.jobs.listing import own_job
from stt_ai.jobs.queue import PENDING, WorkState
from stt_ai.jobs.webhooks import schedule, signing
from stt_ai.jobs.webhooks.events import DELIVERIES
from stt_ai.jobs.webhooks.messages import (
    Attempt,
    ClaimedDelivery,
    DeliveryStatus,
    DeliveryView,
    JobEvent,
    WebhookSecretView,
)
from stt_ai.jobs.webhooks.tables import WebhookDelivery, WebhookSecret
from stt_ai.meters import WEBHOOK_ATTEMPTS, WEBHOOKS_ENDED

LEASE_S = 120.0
"""A message whose deliverer died is sent again after this, which is longer than an attempt may take."""
MAX_RUNNING = 4
"""Messages of one owner on their way at once, so that a receiver that hangs delays those of its owner alone."""
KEPT_ATTEMPTS = 20
REDELIVERY_PAUSE_S = 10.0
"""From one attempt to the next that a caller may ask for: nobody shall be flooded by way of this service."""
DIED = "The attempt was broken off by a restart of the service; the receiver may have got the message."


class WebhookService:
    """Plain and synchronous, to be called from several threads. ``jitter`` gives numbers from 0 to 1."""

    def __init__(self, billing: BillingService, jitter: Callable[[], float] = random.random) -> None:
        self._database = billing.database
        self._billing = billing
        self._jitter = jitter

    # What callers ask.

    def deliveries(self, credential: str | None, job_id: str) -> tuple[DeliveryView, ...]:
        """Return the messages about a job, oldest first. Raise `NotFound`."""
        with self._database.reading() as session:
            own_job(session, credential, job_id)
            found = select(WebhookDelivery).where(WebhookDelivery.job_id == job_id)
            rows = session.exec(found.order_by(col(WebhookDelivery.created_at), col(WebhookDelivery.id))).all()
            return tuple(_view(row) for row in rows)

    def redeliver(self, credential: str | None, job_id: str, delivery_id: str) -> DeliveryView:
        """Send a message again, now, under its old id, and by the schedule from its beginning where that fails.

        One that is being sent is left alone. Raise `NotFound`, or `TooManyRequests` soon after the last attempt.
        """
        now = self._billing.clock()
        with self._database.transaction() as session:
            own_job(session, credential, job_id)
            row = DELIVERIES.find(session, delivery_id)
            if row is None or row.job_id != job_id:
                raise NotFound("The job has no such delivery.")
            if row.state == WorkState.RUNNING or (row.state == WorkState.QUEUED and row.not_before <= now):
                return _view(row)
            wait = max((attempt.at for attempt in _attempts(row)), default=0.0) + REDELIVERY_PAUSE_S - now
            if wait > 0:
                raise TooManyRequests("The message was sent just now. Ask again in some seconds.", wait)
            row.attempt, row.ended_at = 0, None
            DELIVERIES.retry(session, row, now)
            return _view(row)

    def webhook_secret(self, credential: str) -> WebhookSecretView:
        """Return the account's secret, made when it is first asked for. Raise `Unauthorized`."""
        now = self._billing.clock()
        with self._database.transaction() as session:
            return _secret_view(_secret_of(session, accounts.authenticate(session, credential).id, now), now)

    def rotate_webhook_secret(self, credential: str, secret: str, overlap_s: float) -> WebhookSecretView:
        """Sign with ``secret`` from now on, and for ``overlap_s`` also with the one before. Raise `Unauthorized`."""
        now = self._billing.clock()
        with self._database.transaction() as session:
            owner = accounts.authenticate(session, credential, locking=True).id
            row = _secret_of(session, owner, now)
            if row.secret != secret:  # else the answer to the same call was lost
                row.previous, row.previous_until = row.secret, now + overlap_s
                row.secret, row.created_at = secret, now
                session.add(row)
            return _secret_view(row, now)

    # What deliverers ask.

    def claim_delivery(self) -> ClaimedDelivery | None:
        """Return the next message that is due, or None. One whose last attempt's deliverer died has failed."""
        while True:
            with self._database.transaction(durable=False) as session:
                now = self._billing.clock()
                row = DELIVERIES.claim(session, now, LEASE_S, _has_room(session, now))
                if row is None:
                    return None
                if row.attempt <= schedule.MAX_ATTEMPTS:
                    return ClaimedDelivery(
                        id=row.id,
                        fence=row.fence,
                        attempt=row.attempt,
                        job_id=row.job_id,
                        url=row.url,
                        secrets=self._secrets(session, row, now),
                        message=row.message,
                        include_text=row.include_text,
                    )
                _keep(row, Attempt(now, 0.0, error=DIED))
                _end(session, row, DeliveryStatus.FAILED, now)

    def attempted(self, delivery_id: str, fence: int, attempt: Attempt) -> None:
        """Keep what came of an attempt, and when the next one is due. Raise `LeaseExpired`."""
        with self._database.transaction() as session:
            row = DELIVERIES.held(session, delivery_id, fence)
            _keep(row, attempt)
            now = self._billing.clock()
            outcome = DeliveryStatus.DELIVERED if attempt.delivered else DeliveryStatus.FAILED
            count(session, WEBHOOK_ATTEMPTS, outcome=str(outcome))
            if attempt.delivered:
                _end(session, row, outcome, now)
                return
            delay = schedule.next_delay(row.attempt, attempt.retry_after, self._jitter())
            if attempt.gone or delay is None:
                _end(session, row, outcome, now)
            else:
                DELIVERIES.retry(session, row, now + delay)

    def _secrets(self, session: Session, row: WebhookDelivery, now: float) -> tuple[str, ...]:
        if row.secret:
            return (row.secret,)
        kept = _secret_of(session, row.owner, now)
        return (kept.secret, kept.previous) if kept.previous_until > now else (kept.secret,)


def _has_room(session: Session, now: float) -> Callable[[str], bool]:
    def has_room(owner: str) -> bool:
        running = select(WebhookDelivery.id).where(
            WebhookDelivery.owner == owner,
            WebhookDelivery.state == WorkState.RUNNING,
            WebhookDelivery.lease_until > now,
        )
        return len(session.exec(running).all()) < MAX_RUNNING

    return has_room


def _secret_of(session: Session, owner: str, now: float) -> WebhookSecret:
    row = session.get(WebhookSecret, owner)
    if row is None:
        insert_new(session, WebhookSecret(owner=owner, secret=signing.new_secret(), created_at=now))
        row = session.get_one(WebhookSecret, owner)
    return row


def _end(session: Session, row: WebhookDelivery, outcome: DeliveryStatus, now: float) -> None:
    DELIVERIES.end(session, row, WorkState.SUCCEEDED if outcome is DeliveryStatus.DELIVERED else WorkState.FAILED, now)
    count(session, WEBHOOKS_ENDED, outcome=str(outcome))


def _secret_view(row: WebhookSecret, now: float) -> WebhookSecretView:
    return WebhookSecretView(row.secret, row.created_at, row.previous_until if row.previous_until > now else None)


def _attempts(row: WebhookDelivery) -> list[Attempt]:
    return [Attempt(**one) for one in json.loads(row.attempts)]


def _keep(row: WebhookDelivery, attempt: Attempt) -> None:
    kept = [*_attempts(row), attempt][-KEPT_ATTEMPTS:]
    row.attempts = json.dumps([asdict(one) for one in kept], ensure_ascii=False)


def _view(row: WebhookDelivery) -> DeliveryView:
    statuses = {WorkState.SUCCEEDED: DeliveryStatus.DELIVERED, WorkState.FAILED: DeliveryStatus.FAILED}
    state = WorkState(row.state)
    return DeliveryView(
        id=row.id,
        event=JobEvent(row.event),
        url=row.url,
        status=DeliveryStatus.PENDING if state in PENDING else statuses[state],
        created_at=row.created_at,
        next_attempt_at=max(row.not_before, row.created_at) if state is WorkState.QUEUED else None,
        ended_at=row.ended_at,
        attempts=tuple(_attempts(row)),
    )
