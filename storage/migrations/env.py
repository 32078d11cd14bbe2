"""What Alembic runs: the revisions, on the connection that `upgrade` hands in. Knows no URL."""

from __future__ import annotations

from alembic import context

from storage import schema_admin

context.configure(
    connection=context.config.attributes["connection"],
    # the admins' tables join the same metadata when their module is imported
    target_metadata=schema_admin.articles.metadata,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
