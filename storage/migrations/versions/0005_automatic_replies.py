"""Automatic replies: which drafts could have gone out alone, and reviews of those that did."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from storage.migrations.shorthand import moment, one_of, words

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column, its index and the table."""
    op.add_column("suggestions", sa.Column("alone", sa.Boolean(), nullable=True))
    op.create_index("ix_suggestions_model_version_created_at", "suggestions", ["model_version", "created_at"])
    op.create_table(
        "automatic_reviews",
        sa.Column("suggestion_id", sa.Uuid(), nullable=False),
        sa.Column("message_id", sa.Uuid(), nullable=False),
        words("verdict", 16, null=True),
        sa.Column("decided_by", sa.Uuid(), nullable=True),
        moment("created_at"),
        moment("decided_at", null=True),
        sa.PrimaryKeyConstraint("suggestion_id", name="pk_automatic_reviews"),
        _key("suggestion_id", "suggestions", "CASCADE"),
        _key("message_id", "messages", "CASCADE"),
        _key("decided_by", "accounts", "SET NULL"),
        one_of("verdict", "right", "wrong"),
    )
    op.create_index("ix_automatic_reviews_message_id", "automatic_reviews", ["message_id"])
    waiting = sa.text("verdict IS NULL")
    op.create_index(
        "ix_automatic_reviews_waiting",
        "automatic_reviews",
        ["created_at"],
        sqlite_where=waiting,
        postgresql_where=waiting,
    )


def _key(column: str, target: str, gone: str) -> sa.ForeignKeyConstraint:
    name = f"fk_automatic_reviews_{column}"
    return sa.ForeignKeyConstraint([column], [f"{target}.id"], name=name, ondelete=gone)


def downgrade() -> None:
    """Take them away again."""
    op.drop_table("automatic_reviews")
    op.drop_index("ix_suggestions_model_version_created_at", "suggestions")
    op.drop_column("suggestions", "alone")
