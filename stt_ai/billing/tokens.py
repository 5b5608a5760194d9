"""Tokens for streams: what a page may hold instead of a key, for one stream that begins soon."""

import hmac

from sqlalchemy import bindparam, delete, func
from sqlmodel import Session, col, select

from stt_ai.billing import keys
from stt_ai.billing.ledger import lock
from stt_ai.billing.plans import BillingConfig
from stt_ai.billing.tables import Caller, Credential, StreamToken
from stt_ai.errors import TooManyRequests, Unauthorized

MAX_UNSPENT = 1000
"""Of one account: nobody may fill the table."""

KEPT_S = 3600.0
"""After its end, so that an admission whose answer was lost is still recognised."""

_UNKNOWN = "The token is not known here, or too old. Make a new one with POST /v1/stream/token."

_CALLER = select(StreamToken.caller_id).where(StreamToken.sha256 == bindparam("digest"))


def create(session: Session, caller: Caller, key: str, token: str, now: float, config: BillingConfig) -> StreamToken:
    """Store the hash of ``token`` for the locked caller, who has authenticated with ``key``; once, if asked again."""
    digest = keys.hash_of(token)
    row = session.get(StreamToken, digest)
    if row is not None:
        return row
    unspent = select(func.count()).where(
        StreamToken.caller_id == caller.id, col(StreamToken.lease_id).is_(None), col(StreamToken.expires_at) > now
    )
    if session.exec(unspent).one() >= MAX_UNSPENT:
        raise TooManyRequests(
            f"Your account has {MAX_UNSPENT} unused stream tokens. Use one, or wait until they expire.",
            config.stream_token_s,
        )
    credential = session.exec(select(Credential.id).where(Credential.sha256 == keys.hash_of(key))).one()
    row = StreamToken(
        sha256=digest, caller_id=caller.id, credential_id=credential, expires_at=now + config.stream_token_s
    )
    session.add(row)
    session.flush()
    return row


def redeem(session: Session, token: str, lease_id: str, now: float) -> Caller:
    """Return the token's account, locked; from here on the token is good for this lease alone. Raise `Unauthorized`.

    A token is as good as the key that made it: when that is revoked, so is the token.
    """
    digest = keys.hash_of(keys.checked_token(token))
    caller_id = session.exec(_CALLER, params={"digest": digest}).first()
    caller = None if caller_id is None else lock(session, caller_id)
    if caller is None:
        raise Unauthorized(_UNKNOWN)
    row = session.get(StreamToken, digest, populate_existing=True)  # as it is since the caller is locked
    if row is None or not hmac.compare_digest(row.sha256, digest):
        raise Unauthorized(_UNKNOWN)
    if row.lease_id == lease_id:
        return caller
    if row.lease_id is not None:
        raise Unauthorized("The token was used already. Each is good for one stream; make a new one.")
    if row.expires_at <= now:
        raise Unauthorized(_UNKNOWN)
    if session.get_one(Credential, row.credential_id).revoked_at is not None:
        raise Unauthorized("The API key that made this token was revoked. Use another one.")
    row.lease_id = lease_id
    session.add(row)
    return caller


def forget_old(session: Session, now: float) -> None:
    """Delete the tokens that nobody can spend any more."""
    session.exec(delete(StreamToken).where(col(StreamToken.expires_at) <= now - KEPT_S))
