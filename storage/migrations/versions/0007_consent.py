"""Whether models may learn from a customer's conversations; yes for those who are there. Frozen as it was."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    op.add_column(
        "customers", sa.Column("learn_from", sa.Boolean(), nullable=False, server_default=sa.true())
    )


def downgrade() -> None:
    """Drop it."""
    op.drop_column("customers", "learn_from")
