"""Run by Alembic, within the transaction that `Database.migrate` holds."""

from alembic import context
from sqlmodel import SQLModel

from stt_ai.billing import tables

assert tables.Caller.metadata is SQLModel.metadata

context.configure(
    connection=context.config.attributes["connection"], target_metadata=SQLModel.metadata, render_as_batch=True
)
with context.begin_transaction():
    context.run_migrations()
