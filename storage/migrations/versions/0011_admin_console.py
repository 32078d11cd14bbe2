"""When an account signed in last and whether its password is still a given one; the audit log found by actor,
action and time. Frozen as it was."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from storage.migrations.shorthand import moment

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


def downgrade() -> None:
    """Drop them."""
    for name in _AUDIT:
        op.drop_index(name, "audit")
    op.create_index("ix_audit_at", "audit", ["at"])
    op.drop_column("accounts", "must_change")
    op.drop_column("accounts", "last_signed_in_at")
