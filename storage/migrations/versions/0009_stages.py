"""Stages of a candidate between the gate and promotion, and its drafts in shadow. Frozen as it was."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from storage.migrations.shorthand import index_where, moment, one_of, words

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create both tables."""
    op.create_table(
        "stages",
        sa.Column("id", sa.Uuid(), nullable=False),
        words("kind", 16),
        words("version", 200),
        words("champion", 200),
        sa.Column("share", sa.Float(), nullable=False),
        words("state", 16),
        words("reason", 2_000, null=True),
        sa.Column("requested_by", sa.Uuid(), nullable=True),
        sa.Column("looks", sa.Integer(), nullable=False),
        sa.Column("errors", sa.Integer(), nullable=False),
        moment("created_at"),
        moment("ready_at", null=True),
        moment("ended_at", null=True),
        sa.PrimaryKeyConstraint("id", name="pk_stages"),
        _key("stages", "requested_by", "accounts", "SET NULL"),
        one_of("kind", "shadow", "canary"),
        one_of("state", "running", "passed", "returned", "stopped"),
        sa.Index("ix_stages_created_at", "created_at"),
        index_where("uq_stages_running", "state = 'running'", "state", unique=True),
    )
    op.create_table(
        "shadow_drafts",
        sa.Column("stage_id", sa.Uuid(), nullable=False),
        sa.Column("message_id", sa.Uuid(), nullable=False),
        sa.Column("conversation_id", sa.Uuid(), nullable=False),
        sa.Column("drafts", sa.JSON(), nullable=False),
        sa.Column("latency_ms", sa.Float(), nullable=False),
        moment("created_at"),
        moment("measured_at", null=True),
        sa.Column("own", sa.Boolean(), nullable=True),
        sa.Column("candidate_best", sa.Float(), nullable=True),
        sa.Column("candidate_first", sa.Float(), nullable=True),
        sa.Column("champion_best", sa.Float(), nullable=True),
        sa.Column("champion_first", sa.Float(), nullable=True),
        sa.PrimaryKeyConstraint("stage_id", "message_id", name="pk_shadow_drafts"),
        _key("shadow_drafts", "stage_id", "stages"),
        _key("shadow_drafts", "message_id", "messages"),
        _key("shadow_drafts", "conversation_id", "conversations"),
        sa.Index("ix_shadow_drafts_message_id", "message_id"),
        sa.Index("ix_shadow_drafts_conversation_id", "conversation_id"),
        index_where("ix_shadow_drafts_unmeasured", "measured_at IS NULL", "stage_id"),
    )


def _key(table: str, column: str, target: str, gone: str = "CASCADE") -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{target}.id"], name=f"fk_{table}_{column}", ondelete=gone)


def downgrade() -> None:
    """Drop both."""
    op.drop_table("shadow_drafts")
    op.drop_table("stages")
