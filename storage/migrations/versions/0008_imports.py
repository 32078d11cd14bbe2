"""Files of transcripts that admins upload, and what has become of them. Frozen as it was."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from storage.migrations.shorthand import id_column, moment, one_of, words

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "imports",
        id_column(),
        words("name", 200),
        words("format", 16, null=True),
        sa.Column("options", sa.JSON(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        words("sha256", 64),
        words("state", 16),
        sa.Column("working", sa.Boolean(), nullable=False),
        sa.Column("cancelled", sa.Boolean(), nullable=False),
        sa.Column("kept", sa.Boolean(), nullable=False),
        sa.Column("progress", sa.JSON(), nullable=True),
        sa.Column("report", sa.JSON(), nullable=True),
        sa.Column("head", sa.JSON(), nullable=True),
        sa.Column("imported", sa.Integer(), nullable=False),
        words("error", 2_000, null=True),
        sa.Column("requested_by", sa.Uuid(), nullable=True),
        words("node", 200, null=True),
        moment("alive_at", null=True),
        moment("created_at"),
        moment("finished_at", null=True),
        sa.ForeignKeyConstraint(
            ["requested_by"], ["accounts.id"], name="fk_imports_requested_by", ondelete="SET NULL"
        ),
        one_of("state", "surveying", "surveyed", "running", "done", "failed", "cancelled"),
    )
    op.create_index("ix_imports_created_at", "imports", ["created_at"])
    _index_where("uq_imports_working", "working", "working", unique=True)
    _index_where("ix_imports_kept", "kept", "created_at", unique=False)


def _index_where(name: str, where: str, column: str, *, unique: bool) -> None:
    condition = sa.text(where)
    op.create_index(
        name, "imports", [column], unique=unique, sqlite_where=condition, postgresql_where=condition
    )


def downgrade() -> None:
    """Drop it."""
    op.drop_table("imports")
