"""Accounts and their keys, as rows and as the values that their owners see."""

import hmac
from datetime import UTC, datetime
from typing import TypeVar

from sqlalchemy import bindparam, delete
from sqlmodel import Session, col, select

from stt_ai.accounts import Account, ApiKey, NewKey, PlanName, WorkKind
from stt_ai.billing import keys, leases
from stt_ai.billing.database import insert_new
from stt_ai.billing.ledger import Pool, lock
from stt_ai.billing.plans import BillingConfig, Meter, MeterName, meter_for
from stt_ai.billing.tables import Caller, Credential, StreamToken
from stt_ai.errors import BadParameter, InternalError, NotFound, Unauthorized

MAX_NAME = 100

Row = TypeVar("Row")


_BY_KEY = select(Credential.sha256, Credential.revoked_at, Caller).where(
    Credential.caller_id == Caller.id, Credential.sha256 == bindparam("digest")
)
_BY_KEY_LOCKED = _BY_KEY.with_for_update(of=Caller).execution_options(populate_existing=True)


def authenticate(session: Session, credential: str, *, locking: bool = False) -> Caller:
    """Return the key's account, with ``locking`` theirs alone until the transaction ends. Raise `Unauthorized`.

    What is looked up is a hash, so the time it takes reveals nothing about a key.
    """
    digest = keys.hash_of(keys.checked(credential))
    found = session.exec(_BY_KEY_LOCKED if locking else _BY_KEY, params={"digest": digest}).first()
    if found is None or not hmac.compare_digest(found[0], digest):
        raise Unauthorized(
            "This service does not know the API key. Check that it was copied whole, and for this service."
        )
    if found[1] is not None:
        raise Unauthorized("The API key was revoked. Use another one.")
    return found[2]


def locked(session: Session, account_id: str) -> Caller:
    """Return the account, locked until the transaction ends. Raise `NotFound`, for an address too, which is none."""
    caller = lock(session, account_id)
    if caller is None or caller.plan is PlanName.ANONYMOUS:
        raise NotFound(f"There is no account {account_id}.")
    return caller


def found(session: Session, account_id: str) -> Caller:
    """Return the account, for reading. Raise `NotFound`."""
    caller = session.get(Caller, account_id)
    if caller is None:
        raise NotFound(f"There is no account {account_id}.")
    return caller


def at_address(session: Session, address: str, secret: bytes, now: float) -> Caller:
    """Return the anonymous caller at an address, new or not, locked."""
    caller_id = keys.caller_of(address, secret)
    caller = lock(session, caller_id)
    if caller is None:
        insert_new(session, Caller(id=caller_id, plan=PlanName.ANONYMOUS, created_at=now))
        caller = lock(session, caller_id)
    assert caller is not None
    return caller


def create(session: Session, account_id: str, name: str, plan: PlanName, now: float) -> Caller:
    """Return a new account; the existing one when it was created before under the same id."""
    caller = lock(session, account_id)
    if caller is None:
        caller = Caller(id=account_id, name=checked_name(name), plan=plan, created_at=now)
        session.add(caller)
        session.flush()
    return caller


def create_key(
    session: Session, caller: Caller, key_id: str, secret: str, name: str, now: float, config: BillingConfig
) -> NewKey:
    """Store the hash of ``secret`` as a key of the locked caller; once, however often it is asked under ``key_id``."""
    row = session.get(Credential, key_id)
    if row is None:
        active = select(Credential.id).where(Credential.caller_id == caller.id, col(Credential.revoked_at).is_(None))
        if len(session.exec(active).all()) >= config.keys_per_account:
            raise BadParameter(f"An account has at most {config.keys_per_account} keys. Revoke one first.", "name")
        row = Credential(
            id=key_id,
            caller_id=caller.id,
            name=checked_name(name),
            prefix=secret[: keys.SHOWN],
            sha256=keys.hash_of(secret),
            created_at=now,
        )
        session.add(row)
        session.flush()
        _forget_revoked(session, caller.id, config.keys_per_account)
    elif row.caller_id != caller.id or row.sha256 != keys.hash_of(secret):
        raise InternalError("Two keys were given the same id.")
    return NewKey(key_value(row), secret)


def _forget_revoked(session: Session, caller_id: str, kept: int) -> None:
    """The oldest revoked keys beyond ``kept``, but for those whose tokens are still known."""
    revoked = select(Credential.id).where(Credential.caller_id == caller_id, col(Credential.revoked_at).is_not(None))
    old = session.exec(revoked.order_by(col(Credential.revoked_at).desc(), col(Credential.id)).offset(kept)).all()
    named = select(StreamToken.credential_id).where(StreamToken.caller_id == caller_id)
    if old:
        session.exec(delete(Credential).where(col(Credential.id).in_(old), col(Credential.id).not_in(named)))


def list_keys(session: Session, caller_id: str) -> tuple[ApiKey, ...]:
    """Return the account's keys, the oldest first, revoked ones too."""
    rows = session.exec(
        select(Credential)
        .where(Credential.caller_id == caller_id)
        .order_by(col(Credential.created_at), col(Credential.id))
    )
    return tuple(key_value(row) for row in rows)


def revoke_key(session: Session, key_id: str, now: float, caller_id: str | None = None) -> ApiKey:
    """Revoke a key, with ``caller_id`` None anybody's, for operators. Raise `NotFound`."""
    row = session.get(Credential, key_id) if key_id.isprintable() else None  # PostgreSQL takes no text with NUL in it
    if row is None or caller_id not in (None, row.caller_id):
        raise NotFound(f"There is no key {key_id}.")
    if row.revoked_at is None:
        row.revoked_at = now
        session.add(row)
    return key_value(row)


def account_value(session: Session, caller: Caller, now: float, config: BillingConfig) -> Account:
    """Return the account as its owner sees it."""
    credits = Pool(session, caller.id, Meter(MeterName.CREDITS), config)
    meter = meter_for(caller.plan, WorkKind.TRANSCRIPTION, now)
    assert meter is not None
    limits = config.limits(caller.plan)
    return Account(
        id=caller.id,
        name=caller.name,
        plan=caller.plan,
        created_at=moment(caller.created_at),
        credits=credits.available(),
        reserved=credits.balance.held,
        allowance=Pool(session, caller.id, meter, config).allowance(now),
        max_file_bytes=limits.max_file_bytes,
        at_once=limits.max_concurrency,
        running=leases.holding(session, caller.id).slots,
    )


def key_value(row: Credential) -> ApiKey:
    """Return ``row`` without its hash."""
    revoked = None if row.revoked_at is None else moment(row.revoked_at)
    return ApiKey(row.id, row.name, row.prefix, moment(row.created_at), revoked)


def checked_name(name: str) -> str:
    """Return ``name`` without blanks around it. Raise `BadParameter` for an invalid one."""
    name = name.strip()
    if not 0 < len(name) <= MAX_NAME or not name.isprintable():
        raise BadParameter(f"`name` must be 1 to {MAX_NAME} printable characters.", "name")
    return name


def moment(seconds: float) -> datetime:
    """Return the UTC time at ``seconds`` since 1970."""
    return datetime.fromtimestamp(seconds, UTC)
