"""When an account signed in last and whether its password is still a given one; the audit log found by actor,
action and time; drafts of articles and what they were made of. Frozen as it was."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from storage.migrations.shorthand import id_column, moment, one_of, reference, words

revision = "0011"
down_revision = "0009"
branch_labels = None
depends_on = None

_AUDIT = {
    "ix_audit_at_number": ["at", "number"],
    "ix_audit_actor_at_number": ["actor", "at", "number"],
    "ix_audit_action_at_number": ["action", "at", "number"],
    "ix_audit_actor_action_at_number": ["actor", "action", "at", "number"],
}


def upgrade() -> None:
    """Add the columns, filled from the sign-ins that are known, and the indexes."""
    op.add_column("accounts", moment("last_signed_in_at", null=True))
    op.add_column(
        "accounts", sa.Column("must_change", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    op.execute(
        "UPDATE accounts SET last_signed_in_at = (SELECT max(created_at) FROM sign_in_sessions"
        " WHERE sign_in_sessions.account_id = accounts.id)"
    )
    op.drop_index("ix_audit_at", "audit")
    for name, columns in _AUDIT.items():
        op.create_index(name, "audit", columns)
    _article_drafts()


def _article_drafts() -> None:
    op.create_table(
        "article_drafts",
        id_column(),
        words("state", 16),
        words("title", 300),
        words("body", 200_000),
        sa.Column("customers", sa.Integer(), nullable=False),
        sa.Column("best_score", sa.Float(), nullable=True),
        words("best_title", 300, null=True),
        reference("article_id", "articles", gone="SET NULL", null=True),
        reference("decided_by", "accounts", gone="SET NULL", null=True),
        moment("created_at"),
        moment("decided_at", null=True),
        one_of("state", "proposed", "approved", "dismissed"),
    )
    op.create_index("ix_article_drafts_state_created_at", "article_drafts", ["state", "created_at"])
    conversation = sa.ForeignKey("conversations.id", ondelete="CASCADE")
    op.create_table(
        "article_draft_sources",
        sa.Column(
            "draft_id", sa.Uuid(), sa.ForeignKey("article_drafts.id", ondelete="CASCADE"), primary_key=True
        ),
        sa.Column("conversation_id", sa.Uuid(), conversation, primary_key=True),
    )
    name = "ix_article_draft_sources_conversation_id"
    op.create_index(name, "article_draft_sources", ["conversation_id"])


def downgrade() -> None:
    """Drop them."""
    op.drop_table("article_draft_sources")
    op.drop_table("article_drafts")
    for name in _AUDIT:
        op.drop_index(name, "audit")
    op.create_index("ix_audit_at", "audit", ["at"])
    op.drop_column("accounts", "must_change")
    op.drop_column("accounts", "last_signed_in_at")
