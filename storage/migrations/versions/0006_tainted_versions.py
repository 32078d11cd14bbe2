"""Versions that an erased customer was part of, and suggestions found by their day. Frozen as it was."""

from __future__ import annotations

from alembic import op

from storage.migrations.shorthand import moment

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column and the index."""
    op.add_column("model_versions", moment("tainted_at", null=True))
    op.create_index("ix_suggestions_created_at", "suggestions", ["created_at"])


def downgrade() -> None:
    """Drop both."""
    op.drop_index("ix_suggestions_created_at", "suggestions")
    op.drop_column("model_versions", "tainted_at")
