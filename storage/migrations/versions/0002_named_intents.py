"""Intents that admins have named, and the messages that are their examples. Frozen as it was."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from storage.migrations.shorthand import moment

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create both tables."""
    op.create_table(
        "named_intents",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        moment("created_at"),
        moment("updated_at"),
        sa.PrimaryKeyConstraint("id", name="pk_named_intents"),
        sa.UniqueConstraint("name", name="uq_named_intents_name"),
    )
    op.create_table(
        "named_intent_examples",
        sa.Column("intent_id", sa.Uuid(), nullable=False),
        sa.Column("message_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("intent_id", "message_id", name="pk_named_intent_examples"),
        sa.ForeignKeyConstraint(
            ["intent_id"],
            ["named_intents.id"],
            name="fk_named_intent_examples_intent_id",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["message_id"],
            ["messages.id"],
            name="fk_named_intent_examples_message_id",
            ondelete="CASCADE",
        ),
    )
    op.create_index("ix_named_intent_examples_message_id", "named_intent_examples", ["message_id"])


def downgrade() -> None:
    """Drop both tables."""
    op.drop_table("named_intent_examples")
    op.drop_table("named_intents")
