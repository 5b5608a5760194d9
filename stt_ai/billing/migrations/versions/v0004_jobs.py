"""Transcription jobs, and the turns of their owners."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Make the jobs' tables."""
    op.create_table(
        "queue_lane",
        sa.Column("queue", sa.String(40), primary_key=True),
        sa.Column("owner", sa.String(80), primary_key=True),
        sa.Column("turn", sa.Float, nullable=False),
    )
    op.create_table(
        "job",
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
        sa.Column("request_id", sa.String(128), nullable=False),
        sa.Column("title", sa.String(255), nullable=False),
        sa.Column("options", sa.String, nullable=False),
        sa.Column("source", sa.String, nullable=False),
        sa.Column("speaker_names", sa.String, nullable=False),
        sa.Column("anonymous", sa.Boolean, nullable=False),
        sa.Column("keep_audio", sa.Boolean, nullable=False),
        sa.Column("leftovers", sa.Boolean, nullable=False),
        sa.Column("retention_s", sa.Float, nullable=False),
        sa.Column("expires_at", sa.Float, nullable=False),
        sa.Column("idempotency_key", sa.String(255)),
        sa.Column("lease", sa.String(40), nullable=False),
        sa.Column("stage", sa.String(20), nullable=False),
        sa.Column("done_s", sa.Float, nullable=False),
        sa.Column("total_s", sa.Float, nullable=False),
        sa.Column("duration_s", sa.Float),
        sa.Column("started_at", sa.Float),
        sa.Column("error_code", sa.String(64), nullable=False),
        sa.Column("error", sa.String, nullable=False),
        sa.Column("model", sa.String(100), nullable=False),
        sa.Column("credits", sa.Integer),
        sa.UniqueConstraint("owner", "idempotency_key", name="uq_job_idempotency"),
    )
    op.create_index("ix_job_owner_state", "job", ["owner", "state"])
    op.create_index("ix_job_state", "job", ["state", "not_before"])
    op.create_index("ix_job_listed", "job", ["owner", "created_at", "id"])
    op.create_index("ix_job_expiry", "job", ["expires_at"])


def downgrade() -> None:
    """Drop the jobs' tables: what waits is lost."""
    for table in ("job", "queue_lane"):
        op.drop_table(table)
