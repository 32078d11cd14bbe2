"""The tables of people and conversations, as SQLAlchemy Core. Knows no query.

Migration 0001 holds its own frozen copy; storage/schema_admin.py has the shop's and the admins' tables.

Rows that belong to a customer go with the customer (ON DELETE CASCADE), so that erasing one is one
statement. The partial indexes keep claims and the inbox flat however much history there is.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    UniqueConstraint,
    Uuid,
    false,
    true,
)

from storage.columns import (
    Json,
    Words,
    id_column,
    index_where,
    moment,
    number_column,
    one_of,
    reference,
    words,
)

MESSAGE_LIMIT: Final = 40_000
"""Characters in a message: the most that Slack sends; the web doors ask for less."""
DOCUMENT_LIMIT: Final = 200_000
"""Characters in a help article."""

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

customers = Table(
    "customers",
    metadata,
    id_column(),
    words("display_name", 200),
    words("email", 320, null=True),
    words("locale", 35, null=True),
    moment("created_at"),
    # may models learn from what is said with them?
    Column("learn_from", Boolean(), nullable=False, server_default=true()),
)

customer_identities = Table(
    "customer_identities",
    metadata,
    words("channel", 32),
    words("external_id", 200),
    reference("customer_id", "customers"),
    Column("token_hash", LargeBinary(64), nullable=True, unique=True),
    UniqueConstraint("channel", "external_id"),
    Index(None, "customer_id"),
)

accounts = Table(
    "accounts",
    metadata,
    id_column(),
    Column("email", Words(320), nullable=False, unique=True),
    words("name", 200),
    words("role", 16),
    Column("disabled", Boolean(), nullable=False),
    words("password_hash", 500),
    moment("created_at"),
    moment("last_signed_in_at", null=True),
    # somebody else chose the password: nothing else works until it is changed
    Column("must_change", Boolean(), nullable=False, server_default=false()),
    one_of("role", "agent", "admin", "viewer"),
)

sign_in_sessions = Table(
    "sign_in_sessions",
    metadata,
    id_column(),
    reference("account_id", "accounts"),
    Column("token_hash", LargeBinary(64), nullable=False, unique=True),
    words("user_agent", 500),
    moment("created_at"),
    moment("last_seen_at"),
    moment("expires_at"),
    Index(None, "account_id"),
)

sign_in_attempts = Table(
    "sign_in_attempts",
    metadata,
    number_column(),
    words("key", 400),
    Column("succeeded", Boolean(), nullable=False),
    moment("at"),
    Index(None, "key", "at"),
    Index(None, "at"),
)

conversations = Table(
    "conversations",
    metadata,
    id_column(),
    reference("customer_id", "customers"),
    words("channel", 32),
    # '' where the channel has no threads: NULLs would not be unique
    words("thread", 200),
    Column("external_id", Words(200), nullable=True, unique=True),
    words("status", 16),
    words("owner", 16),
    reference("assignee_id", "accounts", gone="SET NULL", null=True),
    words("priority", 16),
    Column("tags", Json(), nullable=False),
    Column("last_seq", Integer(), nullable=False),
    Column("last_customer_seq", Integer(), nullable=False),
    # the latest message that is worth showing in the inbox: no note, no activity
    Column("last_shown_seq", Integer(), nullable=False),
    Column("unread", Integer(), nullable=False),
    moment("snoozed_until", null=True),
    words("handoff_reason", 64, null=True),
    moment("created_at"),
    moment("updated_at"),
    UniqueConstraint("customer_id", "channel", "thread"),
    Index(None, "updated_at", "id"),
    Index(None, "status", "updated_at", "id"),
    Index(None, "assignee_id", "updated_at", "id"),
    index_where("ix_conversations_snoozed", "status = 'snoozed'", "snoozed_until"),
    one_of("status", "open", "pending", "snoozed", "resolved"),
    one_of("owner", "bot", "person"),
    one_of("priority", "low", "normal", "high", "urgent"),
)

messages = Table(
    "messages",
    metadata,
    id_column(),
    reference("conversation_id", "conversations"),
    # only on the customer's own messages: their client_msg_id is unique over all their conversations
    reference("customer_id", "customers", null=True),
    Column("seq", Integer(), nullable=False),
    words("kind", 16),
    words("text", MESSAGE_LIMIT),
    words("client_msg_id", 200, null=True),
    words("channel_msg_id", 200, null=True),
    reference("author_id", "accounts", gone="SET NULL", null=True),
    words("author_name", 200, null=True),
    words("delivery", 16),
    Column("automatic", Boolean(), nullable=False),
    moment("at"),
    UniqueConstraint("conversation_id", "seq"),
    UniqueConstraint("conversation_id", "client_msg_id"),
    UniqueConstraint("customer_id", "client_msg_id"),
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

analyses = Table(
    "analyses",
    metadata,
    Column("message_id", Uuid(), ForeignKey("messages.id", ondelete="CASCADE"), primary_key=True),
    words("model_version", 200),
    words("language", 35),
    Column("language_score", Float(), nullable=False),
    Column("negative", Float(), nullable=False),
    Column("neutral", Float(), nullable=False),
    Column("positive", Float(), nullable=False),
    words("intent", 100),
    Column("intent_score", Float(), nullable=False),
    Column("entities", Json(), nullable=False),
    Column("latency_ms", Float(), nullable=False),
)

# one shelf for every embedding; ref_id points to a message, article or canned reply, by kind
vectors = Table(
    "vectors",
    metadata,
    Column("kind", Words(32), primary_key=True),
    Column("ref_id", Uuid(), primary_key=True),
    Column("model", Words(200), primary_key=True),
    Column("vector", LargeBinary(), nullable=False),
)

suggestions = Table(
    "suggestions",
    metadata,
    id_column(),
    reference("conversation_id", "conversations"),
    reference("message_id", "messages"),
    Column("based_on_seq", Integer(), nullable=False),
    words("model_version", 200),
    words("mode", 32),
    words("decision", 32),
    words("why", 500),
    Column("latency_ms", Float(), nullable=False),
    # could the first draft have gone out alone, but for its score and the mode? NULL: older than the question
    Column("alone", Boolean(), nullable=True),
    words("state", 16),
    moment("created_at"),
    index_where("uq_suggestions_open", "state = 'open'", "conversation_id", unique=True),
    Index(None, "conversation_id", "created_at"),
    Index(None, "message_id"),
    Index(None, "model_version", "created_at"),
    Index(None, "created_at"),
    one_of("state", "open", "decided", "stale"),
)

candidates = Table(
    "candidates",
    metadata,
    Column("suggestion_id", Uuid(), ForeignKey("suggestions.id", ondelete="CASCADE"), primary_key=True),
    Column("position", Integer(), primary_key=True, autoincrement=False),
    words("text", MESSAGE_LIMIT),
    words("template", MESSAGE_LIMIT),
    Column("score", Float(), nullable=False),
    words("source", 32),
    Column("evidence", Json(), nullable=False),
    Column("unfilled", Json(), nullable=False),
    Column("features", Json(), nullable=False),
    words("outcome", 16, null=True),
    words("final_text", MESSAGE_LIMIT, null=True),
    Column("edit_distance", Float(), nullable=True),
    words("reason", 500, null=True),
    reference("decided_by", "accounts", gone="SET NULL", null=True),
    moment("decided_at", null=True),
    Index(None, "outcome"),
    one_of("outcome", "accepted", "edited", "rejected", "ignored", "stale"),
)

# automatic replies that a person is asked about: a sample of them
automatic_reviews = Table(
    "automatic_reviews",
    metadata,
    Column("suggestion_id", Uuid(), ForeignKey("suggestions.id", ondelete="CASCADE"), primary_key=True),
    reference("message_id", "messages"),
    words("verdict", 16, null=True),
    reference("decided_by", "accounts", gone="SET NULL", null=True),
    moment("created_at"),
    moment("decided_at", null=True),
    Index(None, "message_id"),
    index_where("ix_automatic_reviews_waiting", "verdict IS NULL", "created_at"),
    one_of("verdict", "right", "wrong"),
)

outbox = Table(
    "outbox",
    metadata,
    number_column(),
    Column("id", Uuid(), nullable=False, unique=True),
    Column("message_id", Uuid(), ForeignKey("messages.id", ondelete="CASCADE"), nullable=False, unique=True),
    reference("conversation_id", "conversations"),
    reference("customer_id", "customers"),
    words("channel", 32),
    Column("automatic", Boolean(), nullable=False),
    Column("attempts", Integer(), nullable=False),
    words("state", 16),
    # pending: not before this time; claimed: the end of the lease
    moment("due_at"),
    words("claimed_by", 200, null=True),
    Column("uncertain", Boolean(), nullable=False),
    words("channel_msg_id", 200, null=True),
    words("error", 500, null=True),
    index_where("ix_outbox_due", "state IN ('pending', 'claimed')", "due_at", "number"),
    index_where("ix_outbox_owed", "state IN ('pending', 'claimed')", "conversation_id", "number"),
    one_of("state", "pending", "claimed", "sent", "failed", "unknown"),
)

work = Table(
    "work",
    metadata,
    number_column(),
    Column("id", Uuid(), nullable=False, unique=True),
    words("kind", 32),
    reference("conversation_id", "conversations"),
    reference("message_id", "messages"),
    Column("attempts", Integer(), nullable=False),
    words("state", 16),
    moment("due_at"),
    words("claimed_by", 200, null=True),
    words("error", 500, null=True),
    index_where("ix_work_due", "state IN ('pending', 'claimed')", "due_at", "number"),
    index_where("ix_work_owed", "state IN ('pending', 'claimed')", "conversation_id", "number"),
    one_of("state", "pending", "claimed", "dead"),
)
