"""Webhooks and summaries of jobs, and the time that is left."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

COLUMNS = (("webhook", None), ("summary", 16), ("summary_error_code", 64), ("summary_error", None))


def upgrade() -> None:
    """Make the webhooks' tables, and add their columns to jobs."""
    with op.batch_alter_table("job") as job:
        for name, length in COLUMNS:
            job.add_column(sa.Column(name, sa.String(length), nullable=False, server_default=""))
        job.add_column(sa.Column("seconds_left", sa.Float))
    op.create_table(
        "webhook_delivery",
        sa.Column("id", sa.String(40), primary_key=True),
        sa.Column("owner", sa.String(80), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("created_at", sa.Float, nullable=False),
        sa.Column("not_before", sa.Float, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("fence", sa.Integer, nullable=False),
        sa.Column("lease_until", sa.Float, nullable=False),
        sa.Column("ended_at", sa.Float),
        sa.Column("job_id", sa.String(40), nullable=False),
        sa.Column("event", sa.String(32), nullable=False),
        sa.Column("url", sa.String, nullable=False),
        sa.Column("secret", sa.String(100), nullable=False),
        sa.Column("message", sa.String, nullable=False),
        sa.Column("include_text", sa.Boolean, nullable=False),
        sa.Column("attempts", sa.String, nullable=False),
    )
    op.create_index("ix_webhook_delivery_owner_state", "webhook_delivery", ["owner", "state"])
    op.create_index("ix_webhook_delivery_state", "webhook_delivery", ["state", "not_before"])
    op.create_index("ix_webhook_delivery_job", "webhook_delivery", ["job_id", "created_at", "id"])
    op.create_table(
        "webhook_secret",
        sa.Column("owner", sa.String(80), primary_key=True),
        sa.Column("secret", sa.String(100), nullable=False),
        sa.Column("created_at", sa.Float, nullable=False),
        sa.Column("previous", sa.String(100), nullable=False),
        sa.Column("previous_until", sa.Float, nullable=False),
    )


def downgrade() -> None:
    """Drop the webhooks' tables and columns: what is not delivered is lost."""
    for table in ("webhook_secret", "webhook_delivery"):
        op.drop_table(table)
    with op.batch_alter_table("job") as job:
        for name, _ in COLUMNS:
            job.drop_column(name)
        job.drop_column("seconds_left")
