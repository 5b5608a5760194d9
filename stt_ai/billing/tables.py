"""The tables. Times are seconds since the epoch; amounts are integers on the meter that the row names.

=============  =========================================================================================
caller         an account, or an anonymous client address as a keyed hash; its row is the lock on all below
credential     keys, as SHA-256 only
lease          one request: the slot and the reservation it holds while it works, then its usage record
ledger_entry   append-only, but for old days of callers without a key; the truth about every balance
balance        running sums of the ledger, kept in the same transactions; `reconcile` proves them
claim          idempotency keys and the answers stored under them
stream_token   what browsers open streams with, as SHA-256 only, and the lease that each was spent on
server_secret  what addresses are hashed with, where the environment does not say
=============  =========================================================================================
"""

from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, Column, Enum, Index, Integer, LargeBinary, UniqueConstraint
from sqlmodel import Field, SQLModel

from stt_ai.accounts import PlanName, WorkKind
from stt_ai.billing.plans import MeterName


class LeaseState(StrEnum):
    """Whether a lease still holds something, or how it ended."""

    ACTIVE = "active"
    SETTLED = "settled"
    RELEASED = "released"
    EXPIRED = "expired"


class EntryKind(StrEnum):
    """Why an entry of the ledger was written."""

    GRANT = "grant"
    RESERVE = "reserve"
    SETTLE = "settle"
    RELEASE = "release"
    EXPIRE = "expire"


def _choice(of: type[StrEnum], *, primary_key: bool = False, nullable: bool = False) -> Any:
    """Return a column that holds the values of an enumeration as text, which migrations can extend."""
    kind = Enum(of, native_enum=False, length=16, values_callable=lambda members: [member.value for member in members])
    return Field(default=None, sa_column=Column(kind, primary_key=primary_key, nullable=nullable))


class Caller(SQLModel, table=True):
    """An account, or an address without one."""

    __tablename__ = "caller"

    id: str = Field(primary_key=True, max_length=80)
    name: str = Field(default="", max_length=100)
    plan: PlanName = _choice(PlanName)
    created_at: float


class Credential(SQLModel, table=True):
    """An API key, as the hash of its secret."""

    __tablename__ = "credential"

    id: str = Field(primary_key=True, max_length=40)
    caller_id: str = Field(foreign_key="caller.id", index=True, max_length=80)
    name: str = Field(max_length=100)
    prefix: str = Field(max_length=20)
    sha256: str = Field(unique=True, max_length=64)
    created_at: float
    revoked_at: float | None = None


class Lease(SQLModel, table=True):
    """``held`` is on the lease's meter; ``amount`` is what was charged there. ``meter`` None: it is not counted."""

    __tablename__ = "lease"
    __table_args__ = (
        Index("ix_lease_caller_state", "caller_id", "state"),
        Index("ix_lease_state_expiry", "state", "expires_at"),
        Index("ix_lease_usage", "caller_id", "ended_at", "id"),
    )

    id: str = Field(primary_key=True, max_length=40)
    caller_id: str = Field(foreign_key="caller.id", max_length=80)
    request_id: str = Field(max_length=128)
    kind: WorkKind = _choice(WorkKind)
    plan: PlanName = _choice(PlanName)
    meter: MeterName | None = _choice(MeterName, nullable=True)
    period: str = Field(default="", max_length=10)
    state: LeaseState = _choice(LeaseState)
    replay: bool = False
    claim_key: str | None = Field(default=None, max_length=255)
    held: int = 0
    amount: int = 0
    seconds: float = 0.0
    created_at: float
    expires_at: float
    ended_at: float | None = None
    day: str = Field(default="", max_length=10)


class LedgerEntry(SQLModel, table=True):
    """``amount`` changes what the caller owns, ``held`` what of it is reserved; balance = Σ amount − Σ held.

    A grant is amount +n; a reservation held +n; a settlement amount −cost and held −(all that the request held);
    a release or an expiry held −(all). So a request that ended holds nothing, and the balance is what was granted less
    what was settled less what is reserved.

    ``step`` tells a request's growing reservations apart (the total after each), and is 0 otherwise.
    """

    __tablename__ = "ledger_entry"
    __table_args__ = (
        UniqueConstraint("request", "kind", "step", name="uq_ledger_entry_once"),
        Index("ix_ledger_entry_pool", "caller_id", "meter", "period"),
    )

    # SQLite numbers rows automatically only if the type is exactly INTEGER.
    id: int | None = Field(
        default=None, sa_column=Column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    )
    caller_id: str = Field(foreign_key="caller.id", max_length=80)
    meter: MeterName = _choice(MeterName)
    period: str = Field(default="", max_length=10)
    request: str = Field(max_length=200)
    kind: EntryKind = _choice(EntryKind)
    step: int = 0
    amount: int = 0
    held: int = 0
    created_at: float


class Balance(SQLModel, table=True):
    """The sum of a caller's entries, kept so that it need not be added up."""

    __tablename__ = "balance"

    caller_id: str = Field(primary_key=True, foreign_key="caller.id", max_length=80)
    meter: MeterName = _choice(MeterName, primary_key=True)
    period: str = Field(primary_key=True, max_length=10)
    granted: int = 0
    amount: int = 0
    held: int = 0


class Claim(SQLModel, table=True):
    """``expires_at`` None: no answer is stored, and the key belongs to the lease as long as that is active."""

    __tablename__ = "claim"

    caller_id: str = Field(primary_key=True, foreign_key="caller.id", max_length=80)
    key: str = Field(primary_key=True, max_length=255)
    fingerprint: str = Field(max_length=128)
    lease_id: str = Field(foreign_key="lease.id", max_length=40)
    expires_at: float | None = Field(default=None, index=True)
    status: int = 0
    headers: str = ""
    body: bytes = Field(default=b"", sa_column=Column(LargeBinary, nullable=False))


class StreamToken(SQLModel, table=True):
    """``lease_id`` None: nobody has used it yet. The lease may not exist: its admission was refused then."""

    __tablename__ = "stream_token"

    sha256: str = Field(primary_key=True, max_length=64)
    caller_id: str = Field(foreign_key="caller.id", index=True, max_length=80)
    credential_id: str = Field(foreign_key="credential.id", max_length=40)
    expires_at: float = Field(index=True)
    lease_id: str | None = Field(default=None, max_length=40)


class ServerSecret(SQLModel, table=True):
    """A secret that all replicas share."""

    __tablename__ = "server_secret"

    name: str = Field(primary_key=True, max_length=40)
    value: str
