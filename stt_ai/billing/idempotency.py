"""Idempotency keys: the same request again is answered with what it was answered before, and charged once."""

import json

from sqlalchemy import delete, exists
from sqlmodel import Session, col

from stt_ai.accounts import StoredResponse
from stt_ai.billing.tables import Claim, Lease, LeaseState
from stt_ai.errors import BadParameter, LeaseExpired, StillRunning

RETRY_S = 2.0
PARAMETER = "Idempotency-Key"


def find(session: Session, caller_id: str, key: str) -> Claim | None:
    """Return the caller's claim of ``key``, or None."""
    return session.get(Claim, (caller_id, key))


def has_answer(claim: Claim | None, now: float) -> bool:
    """Return whether an answer is stored, and not too old."""
    return claim is not None and claim.expires_at is not None and claim.expires_at > now


def is_running(session: Session, claim: Claim | None, lease_id: str) -> bool:
    """Return whether another lease than ``lease_id`` works on it."""
    if claim is None or claim.expires_at is not None or claim.lease_id == lease_id:
        return False
    holder = session.get(Lease, claim.lease_id)
    return holder is not None and holder.state is LeaseState.ACTIVE


def still_running() -> StillRunning:
    """Return the error for a key whose first request is not done."""
    return StillRunning(f"A request with this {PARAMETER} is still at work. Ask again shortly.", RETRY_S)


def gone() -> LeaseExpired:
    """Return the error for a stored answer that is gone."""
    return LeaseExpired("The stored answer is gone. Please send the request again.", 1)


def claim(session: Session, lease: Lease, key: str, fingerprint: str, now: float) -> StoredResponse | None:
    """Return the key for this lease, or what it answered. The lease must be active and its caller locked."""
    found = find(session, lease.caller_id, key)
    answered, running = has_answer(found, now), is_running(session, found, lease.id)
    if found is not None and (answered or running) and found.fingerprint != fingerprint:
        message = f"The {PARAMETER} was used for another file or other parameters. Use a new key for a new request."
        raise BadParameter(message, PARAMETER)
    if running:
        raise still_running()
    # Also when it became too old just now, where the lease was let in for nothing else.
    if found is not None and (answered or (lease.replay and found.expires_at is not None)):
        return _opened(found)
    if lease.replay:
        raise gone()
    if found is None:
        found = Claim(caller_id=lease.caller_id, key=key, fingerprint=fingerprint, lease_id=lease.id)
    found.fingerprint, found.lease_id, found.expires_at, found.body = fingerprint, lease.id, None, b""
    lease.claim_key = key
    session.add(found)
    session.add(lease)
    session.flush()
    return None


def still_holds(session: Session, lease: Lease) -> bool:
    """False: the lease expired, and a later request took its idempotency key over."""
    if lease.claim_key is None:
        return True
    found = find(session, lease.caller_id, lease.claim_key)
    return found is not None and found.lease_id == lease.id


def store(session: Session, lease: Lease, response: StoredResponse, until: float) -> None:
    """Keep the answer under the key that the lease holds, if it holds one. The body must be `packed`."""
    found = find(session, lease.caller_id, lease.claim_key) if lease.claim_key else None
    if found is None or found.lease_id != lease.id:
        return
    found.status, found.headers, found.body = response.status, json.dumps(response.headers), response.body
    found.expires_at = until
    session.add(found)
    session.flush()


def _opened(found: Claim) -> StoredResponse:
    headers = tuple((str(name), str(value)) for name, value in json.loads(found.headers))
    return StoredResponse(found.status, headers, found.body)


def forget_old(session: Session, now: float, kept_s: float) -> None:
    """Delete answers that are kept no longer, and keys of requests that ended long ago without one."""
    ended = exists().where(col(Lease.id) == Claim.lease_id, col(Lease.ended_at) <= now - kept_s)
    session.exec(delete(Claim).where(col(Claim.expires_at) <= now))
    session.exec(delete(Claim).where(col(Claim.expires_at).is_(None), ended))
