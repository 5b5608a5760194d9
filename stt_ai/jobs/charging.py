"""What an attempt at a job holds of its account, and what the job is charged in the end: steps of a transaction."""

from collections.abc import Callable

from sqlmodel import Session, select

from stt_ai.accounts import PlanName, WorkKind
from stt_ai.billing import leases
from stt_ai.billing.database import insert_new
from stt_ai.billing.ledger import Pool
from stt_ai.billing.plans import Meter, meter_for
from stt_ai.billing.service import BillingService
from stt_ai.billing.tables import Caller, Lease, LeaseState
from stt_ai.errors import PaymentRequired, TooManyRequests
from stt_ai.jobs.messages import NoSummary
from stt_ai.jobs.queue import WorkState
from stt_ai.jobs.tables import Job


class JobCharges:
    """Takes billing's leases for jobs, and settles them. The caller of each method has the account locked."""

    def __init__(self, billing: BillingService) -> None:
        self._billing = billing

    def has_slot(self, session: Session, now: float) -> Callable[[str], bool]:
        """Return what says of an owner whether its plan has a slot for one more job."""
        config = self._billing.config

        def has_slot(owner: str) -> bool:
            caller = session.get(Caller, owner)
            if caller is None:  # billing has forgotten an address meanwhile
                insert_new(session, Caller(id=owner, plan=PlanName.ANONYMOUS, created_at=now))
                return True
            slots = config.limits(caller.plan).max_concurrency
            if self._billing.could_renew():
                return leases.expire(session, owner, now, config).slots < slots
            held = leases.holding(session, owner)
            overdue = select(Job.lease).where(
                Job.owner == owner, Job.state == WorkState.RUNNING, Job.lease_until <= now
            )
            given_up = held.leases.intersection(session.exec(overdue).all())  # of attempts that are taken over anyway
            return held.slots - len(given_up) < slots

        return has_slot

    def require_allowance(self, session: Session, caller: Caller, kind: WorkKind, now: float) -> Meter | None:
        """Return what work of theirs runs on. Raise `PaymentRequired` or `TooManyRequests` where that is used up."""
        meter = meter_for(caller.plan, kind, now) if self._billing.config.quotas else None
        if meter is not None:
            Pool(session, caller.id, meter, self._billing.config).require(1, now)
        return meter

    def begin(self, session: Session, row: Job, caller: Caller, now: float) -> None:
        """Take a lease for an attempt, the row's own from now on. Raise as `require_allowance`."""
        meter = self.require_allowance(session, caller, WorkKind.TRANSCRIPTION, now)
        row.lease = f"{row.id[-24:]}.{row.fence}"
        session.add(self._lease(row, row.lease, WorkKind.TRANSCRIPTION, caller.plan, meter, now))
        session.flush()

    def renew(self, session: Session, row: Job, now: float) -> None:
        """Put off the expiry of the lease that the row's attempt holds."""
        lease = session.get(Lease, row.lease)
        if lease is not None and lease.state is LeaseState.ACTIVE:
            lease.expires_at = now + self._billing.config.lease_s
            session.add(lease)

    def give_back(self, session: Session, row: Job, now: float) -> None:
        """Release what the row's attempt holds, if it does."""
        lease = session.get(Lease, row.lease) if row.lease else None
        if lease is not None and lease.state is LeaseState.ACTIVE:
            leases.give_back(session, lease, LeaseState.RELEASED, now, self._billing.config)

    def charge(self, session: Session, row: Job, seconds: float, now: float) -> int:
        """Charge the transcription; return how many credits that was. Raise `PaymentRequired` or `TooManyRequests`."""
        lease = session.get_one(Lease, row.lease)
        leases.settle(session, lease, seconds, now, self._billing.config)
        return lease.amount

    def charge_summary(self, session: Session, row: Job, now: float) -> NoSummary | None:
        """Charge a summary that was written; return why it cannot be had where nothing is left to pay it with.

        No lease is held while it is written: it would take the place of the caller's other summaries.
        """
        caller = session.get_one(Caller, row.owner)
        try:
            meter = self.require_allowance(session, caller, WorkKind.SUMMARY, now)
        except (PaymentRequired, TooManyRequests) as refusal:
            return NoSummary(refusal.code, refusal.message)
        lease = self._lease(row, f"{row.lease}.s", WorkKind.SUMMARY, caller.plan, meter, now)
        session.add(lease)
        session.flush()
        leases.settle(session, lease, 0, now, self._billing.config)
        return None

    def _lease(self, row: Job, lease_id: str, kind: WorkKind, plan: PlanName, meter: Meter | None, now: float) -> Lease:
        return Lease(
            id=lease_id,
            caller_id=row.owner,
            request_id=row.request_id,
            kind=kind,
            plan=plan,
            meter=meter.name if meter else None,
            period=meter.period if meter else "",
            state=LeaseState.ACTIVE,
            created_at=now,
            expires_at=now + self._billing.config.lease_s,
        )
