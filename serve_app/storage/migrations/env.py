"""What Alembic runs: the steps that are missing, on the connection that it is given."""

from __future__ import annotations

from alembic import context

from serve_app.storage.revision import TABLE

context.configure(
    connection=context.config.attributes["connection"],
    version_table=TABLE,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
