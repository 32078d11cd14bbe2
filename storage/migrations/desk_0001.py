"""The tables of revision 0001 that hold no conversation, frozen as they were."""

from __future__ import annotations

import sqlalchemy as sa

from storage.migrations.shorthand import (
    id_column,
    index_where,
    moment,
    number_column,
    one_of,
    reference,
    words,
)


def people(metadata: sa.MetaData) -> None:
    """Customers, accounts and their sessions."""
    sa.Table(
        "customers",
        metadata,
        id_column(),
        words("display_name", 200),
        words("email", 320, null=True),
        words("locale", 35, null=True),
        moment("created_at"),
    )
    sa.Table(
        "customer_identities",
        metadata,
        words("channel", 32),
        words("external_id", 200),
        reference("customer_id", "customers"),
        sa.Column("token_hash", sa.LargeBinary(64), nullable=True, unique=True),
        sa.UniqueConstraint("channel", "external_id"),
        sa.Index(None, "customer_id"),
    )
    sa.Table(
        "accounts",
        metadata,
        id_column(),
        sa.Column("email", sa.String(320), nullable=False, unique=True),
        words("name", 200),
        words("role", 16),
        sa.Column("disabled", sa.Boolean(), nullable=False),
        words("password_hash", 500),
        moment("created_at"),
        one_of("role", "agent", "admin", "viewer"),
    )
    sa.Table(
        "sign_in_sessions",
        metadata,
        id_column(),
        reference("account_id", "accounts"),
        sa.Column("token_hash", sa.LargeBinary(64), nullable=False, unique=True),
        words("user_agent", 500),
        moment("created_at"),
        moment("last_seen_at"),
        moment("expires_at"),
        sa.Index(None, "account_id"),
    )
    sa.Table(
        "sign_in_attempts",
        metadata,
        number_column(),
        words("key", 400),
        sa.Column("succeeded", sa.Boolean(), nullable=False),
        moment("at"),
        sa.Index(None, "key", "at"),
        sa.Index(None, "at"),
    )


def knowledge(metadata: sa.MetaData) -> None:
    """Articles, canned replies, facts, products."""
    sa.Table(
        "articles",
        metadata,
        id_column(),
        sa.Column("slug", sa.String(200), nullable=False, unique=True),
        words("title", 300),
        words("body", 200_000),
        words("intent", 100, null=True),
        moment("created_at"),
        moment("updated_at"),
    )
    sa.Table(
        "canned_replies",
        metadata,
        id_column(),
        sa.Column("shortcut", sa.String(64), nullable=False, unique=True),
        words("title", 300),
        words("text", 40_000),
        moment("created_at"),
        moment("updated_at"),
    )
    sa.Table(
        "shop_facts",
        metadata,
        sa.Column("name", sa.String(100), primary_key=True),
        words("value", 2_000),
    )
    sa.Table(
        "products",
        metadata,
        sa.Column("name", sa.String(200), primary_key=True),
    )


def administration(metadata: sa.MetaData) -> None:
    """Versions, training, audit, settings."""
    sa.Table(
        "model_versions",
        metadata,
        sa.Column("version", sa.String(200), primary_key=True),
        words("state", 16),
        words("parent", 200, null=True),
        sa.Column("metrics", sa.JSON(), nullable=False),
        words("reason", 2_000, null=True),
        moment("created_at"),
        moment("changed_at"),
        index_where("uq_model_versions_live", "state = 'live'", "state", unique=True),
        one_of("state", "candidate", "live", "retired", "refused"),
    )
    sa.Table(
        "training_runs",
        metadata,
        id_column(),
        words("state", 16),
        reference("requested_by", "accounts", gone="SET NULL", null=True),
        sa.Column("options", sa.JSON(), nullable=False),
        words("version", 200, null=True),
        sa.Column("report", sa.JSON(), nullable=False),
        words("error", 2_000, null=True),
        moment("created_at"),
        moment("started_at", null=True),
        moment("finished_at", null=True),
        sa.Index(None, "created_at"),
        index_where("ix_training_runs_queued", "state = 'queued'", "created_at"),
        one_of("state", "queued", "running", "published", "refused", "failed"),
    )
    sa.Table(
        "audit",
        metadata,
        number_column(),
        moment("at"),
        sa.Column("actor_id", sa.Uuid(), nullable=True),
        words("actor", 200),
        words("action", 64),
        words("subject", 200),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.Index(None, "at"),
    )
    sa.Table(
        "settings",
        metadata,
        sa.Column("name", sa.String(100), primary_key=True),
        sa.Column("value", sa.JSON(), nullable=False),
        moment("updated_at"),
    )
