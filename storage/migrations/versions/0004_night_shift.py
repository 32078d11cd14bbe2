"""How far a training run is, who works on it, and that only one runs at a time. Frozen as it was."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from storage.migrations.shorthand import moment, words

revision = "0004"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns and the index."""
    op.add_column("training_runs", sa.Column("progress", sa.JSON(), nullable=True))
    op.add_column("training_runs", words("node", 200, null=True))
    op.add_column("training_runs", moment("alive_at", null=True))
    op.add_column(
        "training_runs", sa.Column("cancelled", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    running = sa.text("state = 'running'")
    op.create_index(
        "uq_training_runs_running",
        "training_runs",
        ["state"],
        unique=True,
        sqlite_where=running,
        postgresql_where=running,
    )


def downgrade() -> None:
    """Take them away."""
    op.drop_index("uq_training_runs_running", "training_runs")
    for name in ("cancelled", "alive_at", "node", "progress"):
        op.drop_column("training_runs", name)
