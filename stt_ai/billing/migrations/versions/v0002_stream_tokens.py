"""Tokens for streams."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the tokens' table."""
    op.create_table(
        "stream_token",
        sa.Column("sha256", sa.String(64), primary_key=True),
        sa.Column("caller_id", sa.String(80), sa.ForeignKey("caller.id"), nullable=False, index=True),
        sa.Column("credential_id", sa.String(40), sa.ForeignKey("credential.id"), nullable=False),
        sa.Column("expires_at", sa.Float, nullable=False, index=True),
        sa.Column("lease_id", sa.String(40)),
    )


def downgrade() -> None:
    """Drop the tokens' table: open streams go on, unused tokens are lost."""
    op.drop_table("stream_token")
