"""Accounts, keys, leases, the ledger with its balances, and idempotency keys."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

CALLER = "caller.id"
PLAN = sa.Enum("anonymous", "free", "paid", name="planname", native_enum=False, length=16)
METER = sa.Enum(
    *("credits", "minutes", "transcriptions", "summaries", "sign_ups"), name="metername", native_enum=False, length=16
)
KIND = sa.Enum("transcription", "stream", "summary", name="workkind", native_enum=False, length=16)
STATE = sa.Enum("active", "settled", "released", "expired", name="leasestate", native_enum=False, length=16)
ENTRY = sa.Enum("grant", "reserve", "settle", "release", "expire", name="entrykind", native_enum=False, length=16)


def upgrade() -> None:
    """Make the tables; rows of the ledger can be neither changed nor deleted."""
    op.create_table(
        "caller",
        sa.Column("id", sa.String(80), primary_key=True),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("plan", PLAN, nullable=False),
        sa.Column("created_at", sa.Float, nullable=False),
    )
    op.create_table(
        "server_secret",
        sa.Column("name", sa.String(40), primary_key=True),
        sa.Column("value", sa.String, nullable=False),
    )
    op.create_table(
        "credential",
        sa.Column("id", sa.String(40), primary_key=True),
        sa.Column("caller_id", sa.String(80), sa.ForeignKey(CALLER), nullable=False, index=True),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("prefix", sa.String(20), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False, unique=True),
        sa.Column("created_at", sa.Float, nullable=False),
        sa.Column("revoked_at", sa.Float),
    )
    _create_lease()
    _create_ledger()
    op.create_table(
        "claim",
        sa.Column("caller_id", sa.String(80), sa.ForeignKey(CALLER), primary_key=True),
        sa.Column("key", sa.String(255), primary_key=True),
        sa.Column("fingerprint", sa.String(128), nullable=False),
        sa.Column("lease_id", sa.String(40), sa.ForeignKey("lease.id"), nullable=False),
        sa.Column("expires_at", sa.Float, index=True),
        sa.Column("status", sa.Integer, nullable=False),
        sa.Column("headers", sa.String, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )


def _create_lease() -> None:
    op.create_table(
        "lease",
        sa.Column("id", sa.String(40), primary_key=True),
        sa.Column("caller_id", sa.String(80), sa.ForeignKey(CALLER), nullable=False),
        sa.Column("request_id", sa.String(128), nullable=False),
        sa.Column("kind", KIND, nullable=False),
        sa.Column("plan", PLAN, nullable=False),
        sa.Column("meter", METER),
        sa.Column("period", sa.String(10), nullable=False),
        sa.Column("state", STATE, nullable=False),
        sa.Column("replay", sa.Boolean, nullable=False),
        sa.Column("claim_key", sa.String(255)),
        sa.Column("held", sa.Integer, nullable=False),
        sa.Column("amount", sa.Integer, nullable=False),
        sa.Column("seconds", sa.Float, nullable=False),
        sa.Column("created_at", sa.Float, nullable=False),
        sa.Column("expires_at", sa.Float, nullable=False),
        sa.Column("ended_at", sa.Float),
        sa.Column("day", sa.String(10), nullable=False),
    )
    op.create_index("ix_lease_caller_state", "lease", ["caller_id", "state"])
    op.create_index("ix_lease_state_expiry", "lease", ["state", "expires_at"])
    op.create_index("ix_lease_usage", "lease", ["caller_id", "ended_at", "id"])


def _create_ledger() -> None:
    op.create_table(
        "ledger_entry",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True),
        sa.Column("caller_id", sa.String(80), sa.ForeignKey(CALLER), nullable=False),
        sa.Column("meter", METER, nullable=False),
        sa.Column("period", sa.String(10), nullable=False),
        sa.Column("request", sa.String(200), nullable=False),
        sa.Column("kind", ENTRY, nullable=False),
        sa.Column("step", sa.Integer, nullable=False),
        sa.Column("amount", sa.Integer, nullable=False),
        sa.Column("held", sa.Integer, nullable=False),
        sa.Column("created_at", sa.Float, nullable=False),
        sa.UniqueConstraint("request", "kind", "step", name="uq_ledger_entry_once"),
    )
    op.create_index("ix_ledger_entry_pool", "ledger_entry", ["caller_id", "meter", "period"])
    op.create_table(
        "balance",
        sa.Column("caller_id", sa.String(80), sa.ForeignKey(CALLER), primary_key=True),
        sa.Column("meter", METER, primary_key=True),
        sa.Column("period", sa.String(10), primary_key=True),
        sa.Column("granted", sa.Integer, nullable=False),
        sa.Column("amount", sa.Integer, nullable=False),
        sa.Column("held", sa.Integer, nullable=False),
    )
    _make_append_only()


def _make_append_only() -> None:
    """The database itself refuses to change or delete an entry, whoever asks."""
    if op.get_bind().dialect.name == "sqlite":
        for event in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER ledger_entry_no_{event.lower()} BEFORE {event} ON ledger_entry "
                "BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END"
            )
        return
    op.execute(
        "CREATE FUNCTION ledger_is_append_only() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'the ledger is append-only'; END $$"
    )
    op.execute(
        "CREATE TRIGGER ledger_entry_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_entry "
        "FOR EACH STATEMENT EXECUTE FUNCTION ledger_is_append_only()"
    )


def downgrade() -> None:
    """Drop the tables with all that is in them."""
    for table in ("claim", "balance", "ledger_entry", "lease", "credential", "server_secret", "caller"):
        op.drop_table(table)
    if op.get_bind().dialect.name != "sqlite":
        op.execute("DROP FUNCTION ledger_is_append_only()")
