"""The checks of admission, in the order in which they refuse."""

from sqlalchemy import insert
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from stt_ai.accounts import Permit, PlanName, WorkKind
from stt_ai.billing import accounts, idempotency, keys, leases, tokens
from stt_ai.billing.ledger import Pool, pool_of
from stt_ai.billing.messages import Asking
from stt_ai.billing.plans import BillingConfig, meter_for
from stt_ai.billing.tables import Caller, Lease, LeaseState
from stt_ai.errors import Unauthorized

RENEWALS = 4  # in the time of one lease: some may be lost
# Every request waits for it; a query for an object of the session would take three times as long.
_NEW_LEASE = insert(Lease).values(held=0, amount=0, seconds=0.0, day="")


def precheck(asking: Asking, config: BillingConfig) -> None:
    """Check what needs no database. Raise `Unauthorized`."""
    if asking.credential is not None and keys.is_token(asking.credential):
        keys.checked_token(asking.credential)
        if asking.kind is not WorkKind.STREAM:
            raise Unauthorized("A token opens a stream and nothing else. Send your API key here.")
    elif asking.credential is not None:
        keys.checked(asking.credential)
    elif not config.anonymous_allowed:
        raise Unauthorized("This service needs an API key: send it as `Authorization: Bearer <key>`.")


def identify(session: Session, asking: Asking, secret: bytes, now: float) -> Caller:
    """Return who asks, locked. Raise `Unauthorized`."""
    if asking.credential is not None and keys.is_token(asking.credential):
        return tokens.redeem(session, asking.credential, asking.lease, now)
    if asking.credential is not None:
        return accounts.authenticate(session, asking.credential, locking=True)
    return accounts.at_address(session, asking.address, secret, now)


def admit(
    session: Session, caller: Caller, asking: Asking, now: float, config: BillingConfig, *, expiring: bool = True
) -> Permit:
    """Raise `StillRunning`, `PaymentRequired` or `TooManyRequests`; `LeaseExpired` for a lease that ended before.

    ``expiring``: the caller's leases that nobody renewed in time end first.

    A request whose answer is stored needs a slot, since it sends its body too, but no allowance.
    """
    held = leases.expire(session, caller.id, now, config) if expiring else leases.holding(session, caller.id)
    if asking.lease in held.leases:
        lease = session.get_one(Lease, asking.lease)
        return _permit(lease.id, lease.plan, lease.replay, pool_of(session, lease, config), now, config)
    replay = False
    if asking.idempotency_key is not None:
        claim = idempotency.find(session, caller.id, asking.idempotency_key)
        replay = idempotency.has_answer(claim, now)
        if idempotency.is_running(session, claim, asking.lease):
            raise idempotency.still_running()
    meter = meter_for(caller.plan, asking.kind, now) if config.quotas else None
    pool = Pool(session, caller.id, meter, config) if meter else None
    if pool is not None and not replay:
        pool.require(1, now)
    leases.require_slot(held, asking.kind, caller.plan, config)
    row = {
        "id": asking.lease,
        "caller_id": caller.id,
        "request_id": asking.request_id[:128],
        "kind": asking.kind,
        "plan": caller.plan,
        "meter": meter.name if meter else None,
        "period": meter.period if meter else "",
        "state": LeaseState.ACTIVE,
        "replay": replay,
        "created_at": now,
        "expires_at": now + config.lease_s,
    }
    try:
        session.connection().execute(_NEW_LEASE, row)
    except IntegrityError:
        raise leases.given_up() from None
    return _permit(asking.lease, caller.plan, replay, pool, now, config)


def _permit(lease: str, plan: PlanName, replay: bool, pool: Pool | None, now: float, config: BillingConfig) -> Permit:
    limits = config.limits(plan)
    return Permit(
        lease=lease,
        plan=plan,
        max_file_bytes=limits.max_file_bytes,
        at_once=limits.max_concurrency,
        renew_every_s=config.lease_s / RENEWALS,
        allowance=pool.allowance(now) if pool else None,
        replay=replay,
    )
