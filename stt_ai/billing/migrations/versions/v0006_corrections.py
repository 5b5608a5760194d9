"""What people corrected in the text of jobs, and attempts that were lost with their workers."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

QUEUES = ("job", "webhook_delivery")


def upgrade() -> None:
    """Add the columns for corrections and lost attempts."""
    with op.batch_alter_table("job") as job:
        job.add_column(sa.Column("corrections", sa.String(64), nullable=False, server_default=""))
        job.add_column(sa.Column("corrected_at", sa.Float))
    for name in QUEUES:
        with op.batch_alter_table(name) as queue:
            queue.add_column(sa.Column("lost", sa.Integer, nullable=False, server_default="0"))


def downgrade() -> None:
    """Drop the columns: jobs show again what the model wrote."""
    for name in QUEUES:
        with op.batch_alter_table(name) as queue:
            queue.drop_column("lost")
    with op.batch_alter_table("job") as job:
        job.drop_column("corrected_at")
        job.drop_column("corrections")
