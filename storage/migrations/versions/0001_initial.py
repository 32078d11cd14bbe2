"""The first revision: every table, frozen as it was. Knows nothing of storage/schema.py, on purpose."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from storage.migrations import desk_0001
from storage.migrations.shorthand import (
    id_column,
    index_where,
    moment,
    number_column,
    one_of,
    reference,
    words,
)

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create every table."""
    _all_tables().create_all(op.get_bind())


def downgrade() -> None:
    """Drop every table, with all that is in them."""
    _all_tables().drop_all(op.get_bind())


def _all_tables() -> sa.MetaData:
    metadata = sa.MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    desk_0001.people(metadata)
    _conversations(metadata)
    _readings(metadata)
    _suggestions(metadata)
    _owed(metadata)
    desk_0001.knowledge(metadata)
    desk_0001.administration(metadata)
    return metadata


def _conversations(metadata: sa.MetaData) -> None:
    sa.Table(
        "conversations",
        metadata,
        id_column(),
        reference("customer_id", "customers"),
        words("channel", 32),
        words("thread", 200),
        sa.Column("external_id", sa.String(200), nullable=True, unique=True),
        words("status", 16),
        words("owner", 16),
        reference("assignee_id", "accounts", gone="SET NULL", null=True),
        words("priority", 16),
        sa.Column("tags", sa.JSON(), nullable=False),
        sa.Column("last_seq", sa.Integer(), nullable=False),
        sa.Column("last_customer_seq", sa.Integer(), nullable=False),
        sa.Column("last_shown_seq", sa.Integer(), nullable=False),
        sa.Column("unread", sa.Integer(), nullable=False),
        moment("snoozed_until", null=True),
        words("handoff_reason", 64, null=True),
        moment("created_at"),
        moment("updated_at"),
        sa.UniqueConstraint("customer_id", "channel", "thread"),
        sa.Index(None, "updated_at", "id"),
        sa.Index(None, "status", "updated_at", "id"),
        sa.Index(None, "assignee_id", "updated_at", "id"),
        index_where("ix_conversations_snoozed", "status = 'snoozed'", "snoozed_until"),
        one_of("status", "open", "pending", "snoozed", "resolved"),
        one_of("owner", "bot", "person"),
        one_of("priority", "low", "normal", "high", "urgent"),
    )
    sa.Table(
        "messages",
        metadata,
        id_column(),
        reference("conversation_id", "conversations"),
        reference("customer_id", "customers", null=True),
        sa.Column("seq", sa.Integer(), nullable=False),
        words("kind", 16),
        words("text", 40_000),
        words("client_msg_id", 200, null=True),
        words("channel_msg_id", 200, null=True),
        reference("author_id", "accounts", gone="SET NULL", null=True),
        words("author_name", 200, null=True),
        words("delivery", 16),
        sa.Column("automatic", sa.Boolean(), nullable=False),
        moment("at"),
        sa.UniqueConstraint("conversation_id", "seq"),
        sa.UniqueConstraint("conversation_id", "client_msg_id"),
        sa.UniqueConstraint("customer_id", "client_msg_id"),
        index_where(
            "ix_messages_undelivered",
            "delivery IN ('pending', 'sent', 'failed', 'unknown')",
            "conversation_id",
            "seq",
        ),
        index_where("ix_messages_from_people", "kind = 'agent'", "id"),
        one_of("kind", "customer", "agent", "bot", "note", "activity"),
        one_of("delivery", "pending", "sent", "delivered", "failed", "unknown", "none"),
    )


def _readings(metadata: sa.MetaData) -> None:
    sa.Table(
        "analyses",
        metadata,
        sa.Column(
            "message_id", sa.Uuid(), sa.ForeignKey("messages.id", ondelete="CASCADE"), primary_key=True
        ),
        words("model_version", 200),
        words("language", 35),
        sa.Column("language_score", sa.Float(), nullable=False),
        sa.Column("negative", sa.Float(), nullable=False),
        sa.Column("neutral", sa.Float(), nullable=False),
        sa.Column("positive", sa.Float(), nullable=False),
        words("intent", 100),
        sa.Column("intent_score", sa.Float(), nullable=False),
        sa.Column("entities", sa.JSON(), nullable=False),
        sa.Column("latency_ms", sa.Float(), nullable=False),
    )
    sa.Table(
        "vectors",
        metadata,
        sa.Column("kind", sa.String(32), primary_key=True),
        sa.Column("ref_id", sa.Uuid(), primary_key=True),
        sa.Column("model", sa.String(200), primary_key=True),
        sa.Column("vector", sa.LargeBinary(), nullable=False),
    )


def _suggestions(metadata: sa.MetaData) -> None:
    sa.Table(
        "suggestions",
        metadata,
        id_column(),
        reference("conversation_id", "conversations"),
        reference("message_id", "messages"),
        sa.Column("based_on_seq", sa.Integer(), nullable=False),
        words("model_version", 200),
        words("mode", 32),
        words("decision", 32),
        words("why", 500),
        sa.Column("latency_ms", sa.Float(), nullable=False),
        words("state", 16),
        moment("created_at"),
        index_where("uq_suggestions_open", "state = 'open'", "conversation_id", unique=True),
        sa.Index(None, "conversation_id", "created_at"),
        sa.Index(None, "message_id"),
        one_of("state", "open", "decided", "stale"),
    )
    sa.Table(
        "candidates",
        metadata,
        sa.Column(
            "suggestion_id", sa.Uuid(), sa.ForeignKey("suggestions.id", ondelete="CASCADE"), primary_key=True
        ),
        sa.Column("position", sa.Integer(), primary_key=True, autoincrement=False),
        words("text", 40_000),
        words("template", 40_000),
        sa.Column("score", sa.Float(), nullable=False),
        words("source", 32),
        sa.Column("evidence", sa.JSON(), nullable=False),
        sa.Column("unfilled", sa.JSON(), nullable=False),
        sa.Column("features", sa.JSON(), nullable=False),
        words("outcome", 16, null=True),
        words("final_text", 40_000, null=True),
        sa.Column("edit_distance", sa.Float(), nullable=True),
        words("reason", 500, null=True),
        reference("decided_by", "accounts", gone="SET NULL", null=True),
        moment("decided_at", null=True),
        sa.Index(None, "outcome"),
        one_of("outcome", "accepted", "edited", "rejected", "ignored", "stale"),
    )


def _owed(metadata: sa.MetaData) -> None:
    sa.Table(
        "outbox",
        metadata,
        number_column(),
        sa.Column("id", sa.Uuid(), nullable=False, unique=True),
        sa.Column(
            "message_id",
            sa.Uuid(),
            sa.ForeignKey("messages.id", ondelete="CASCADE"),
            nullable=False,
            unique=True,
        ),
        reference("conversation_id", "conversations"),
        reference("customer_id", "customers"),
        words("channel", 32),
        sa.Column("automatic", sa.Boolean(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        words("state", 16),
        moment("due_at"),
        words("claimed_by", 200, null=True),
        sa.Column("uncertain", sa.Boolean(), nullable=False),
        words("channel_msg_id", 200, null=True),
        words("error", 500, null=True),
        index_where("ix_outbox_due", "state IN ('pending', 'claimed')", "due_at", "number"),
        index_where("ix_outbox_owed", "state IN ('pending', 'claimed')", "conversation_id", "number"),
        one_of("state", "pending", "claimed", "sent", "failed", "unknown"),
    )
    sa.Table(
        "work",
        metadata,
        number_column(),
        sa.Column("id", sa.Uuid(), nullable=False, unique=True),
        words("kind", 32),
        reference("conversation_id", "conversations"),
        reference("message_id", "messages"),
        sa.Column("attempts", sa.Integer(), nullable=False),
        words("state", 16),
        moment("due_at"),
        words("claimed_by", 200, null=True),
        words("error", 500, null=True),
        index_where("ix_work_due", "state IN ('pending', 'claimed')", "due_at", "number"),
        index_where("ix_work_owed", "state IN ('pending', 'claimed')", "conversation_id", "number"),
        one_of("state", "pending", "claimed", "dead"),
    )
