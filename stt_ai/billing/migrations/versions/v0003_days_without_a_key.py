"""What callers without a key used in a day may be forgotten. What anybody paid or has of a plan, never."""

from alembic import op

revision = "0003"
down_revision = "0002"

_COUNTED_BY_DAY = "OLD.meter IN ('transcriptions', 'summaries', 'sign_ups')"


def upgrade() -> None:
    """Allow deleting ledger entries of what is counted by the day."""
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP TRIGGER ledger_entry_no_delete")
        op.execute(
            f"CREATE TRIGGER ledger_entry_no_delete BEFORE DELETE ON ledger_entry WHEN NOT ({_COUNTED_BY_DAY}) "
            "BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END"
        )
        return
    op.execute("DROP TRIGGER ledger_entry_append_only ON ledger_entry")
    _forbid("UPDATE OR TRUNCATE")
    op.execute(
        "CREATE TRIGGER ledger_entry_no_delete BEFORE DELETE ON ledger_entry "
        f"FOR EACH ROW WHEN (NOT ({_COUNTED_BY_DAY})) EXECUTE FUNCTION ledger_is_append_only()"
    )


def downgrade() -> None:
    """Forbid deleting any ledger entry again."""
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP TRIGGER ledger_entry_no_delete")
        op.execute(
            "CREATE TRIGGER ledger_entry_no_delete BEFORE DELETE ON ledger_entry "
            "BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END"
        )
        return
    op.execute("DROP TRIGGER ledger_entry_no_delete ON ledger_entry")
    op.execute("DROP TRIGGER ledger_entry_append_only ON ledger_entry")
    _forbid("UPDATE OR DELETE OR TRUNCATE")


def _forbid(events: str) -> None:
    op.execute(
        f"CREATE TRIGGER ledger_entry_append_only BEFORE {events} ON ledger_entry "
        "FOR EACH STATEMENT EXECUTE FUNCTION ledger_is_append_only()"
    )
