"""Run by alembic with the connection of ``service.audit.migration.migrate``."""

from alembic import context

from service.audit.model import Base

context.configure(
    connection=context.config.attributes["connection"], target_metadata=Base.metadata, render_as_batch=True
)
with context.begin_transaction():
    context.run_migrations()
