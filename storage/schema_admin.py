"""The tables of the shop's knowledge and of the admins' desk. Knows no query."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Float, ForeignKey, Index, Integer, Table, Uuid

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
from storage.schema import DOCUMENT_LIMIT, MESSAGE_LIMIT, metadata

articles = Table(
    "articles",
    metadata,
    id_column(),
    Column("slug", Words(200), nullable=False, unique=True),
    words("title", 300),
    words("body", DOCUMENT_LIMIT),
    words("intent", 100, null=True),
    moment("created_at"),
    moment("updated_at"),
)

article_drafts = Table(
    "article_drafts",
    metadata,
    id_column(),
    words("state", 16),
    words("title", 300),
    words("body", DOCUMENT_LIMIT),
    Column("customers", Integer(), nullable=False),
    # the best article there was, as retrieval scores it for the customers' questions; NULL: there was none
    Column("best_score", Float(), nullable=True),
    words("best_title", 300, null=True),
    reference("article_id", "articles", gone="SET NULL", null=True),
    reference("decided_by", "accounts", gone="SET NULL", null=True),
    moment("created_at"),
    moment("decided_at", null=True),
    Index(None, "state", "created_at"),
    one_of("state", "proposed", "approved", "dismissed"),
)

# the conversations that a draft was made of: who is erased leaves them
article_draft_sources = Table(
    "article_draft_sources",
    metadata,
    Column("draft_id", Uuid(), ForeignKey("article_drafts.id", ondelete="CASCADE"), primary_key=True),
    Column("conversation_id", Uuid(), ForeignKey("conversations.id", ondelete="CASCADE"), primary_key=True),
    Index(None, "conversation_id"),
)

canned_replies = Table(
    "canned_replies",
    metadata,
    id_column(),
    Column("shortcut", Words(64), nullable=False, unique=True),
    words("title", 300),
    words("text", MESSAGE_LIMIT),
    moment("created_at"),
    moment("updated_at"),
)

shop_facts = Table(
    "shop_facts",
    metadata,
    Column("name", Words(100), primary_key=True),
    words("value", 2_000),
)

products = Table(
    "products",
    metadata,
    Column("name", Words(200), primary_key=True),
)

model_versions = Table(
    "model_versions",
    metadata,
    Column("version", Words(200), primary_key=True),
    words("state", 16),
    words("parent", 200, null=True),
    Column("metrics", Json(), nullable=False),
    words("reason", 2_000, null=True),
    moment("created_at"),
    moment("changed_at"),
    # since when it is known to have learned from somebody who was erased
    moment("tainted_at", null=True),
    # exactly one version answers customers, whatever two admins press at once
    index_where("uq_model_versions_live", "state = 'live'", "state", unique=True),
    one_of("state", "candidate", "live", "retired", "refused"),
)

training_runs = Table(
    "training_runs",
    metadata,
    id_column(),
    words("state", 16),
    reference("requested_by", "accounts", gone="SET NULL", null=True),
    Column("options", Json(), nullable=False),
    words("version", 200, null=True),
    Column("report", Json(), nullable=False),
    words("error", 2_000, null=True),
    moment("created_at"),
    moment("started_at", null=True),
    moment("finished_at", null=True),
    Column("progress", Json(), nullable=True),
    words("node", 200, null=True),
    # a running round whose node has not been heard of for a while is taken over
    moment("alive_at", null=True),
    Column("cancelled", Boolean(), nullable=False),
    Index(None, "created_at"),
    # never two rounds at a time, on one node or several
    index_where("uq_training_runs_running", "state = 'running'", "state", unique=True),
    index_where("ix_training_runs_queued", "state = 'queued'", "created_at"),
    one_of("state", "queued", "running", "published", "refused", "failed"),
)

imports = Table(
    "imports",
    metadata,
    id_column(),
    words("name", 200),
    words("format", 16, null=True),
    Column("options", Json(), nullable=False),
    Column("size", BigInteger(), nullable=False),
    words("sha256", 64),
    words("state", 16),
    # a node reads the file now; without it a surveying or running one waits for its turn
    Column("working", Boolean(), nullable=False),
    Column("cancelled", Boolean(), nullable=False),
    # the uploaded file is still there
    Column("kept", Boolean(), nullable=False),
    Column("progress", Json(), nullable=True),
    Column("report", Json(), nullable=True),
    # the first rows of a table, for whoever says which column holds what; gone with the file
    Column("head", Json(), nullable=True),
    Column("imported", Integer(), nullable=False),
    words("error", 2_000, null=True),
    reference("requested_by", "accounts", gone="SET NULL", null=True),
    words("node", 200, null=True),
    moment("alive_at", null=True),
    moment("created_at"),
    moment("finished_at", null=True),
    Index(None, "created_at"),
    # one at a time in the whole house
    index_where("uq_imports_working", "working", "working", unique=True),
    index_where("ix_imports_kept", "kept", "created_at"),
    one_of("state", "surveying", "surveyed", "running", "done", "failed", "cancelled"),
)

# what a candidate goes through between the gate and promotion
stages = Table(
    "stages",
    metadata,
    id_column(),
    words("kind", 16),
    words("version", 200),
    # the version that served when it began, and that it is compared with
    words("champion", 200),
    Column("share", Float(), nullable=False),
    words("state", 16),
    words("reason", 2_000, null=True),
    reference("requested_by", "accounts", gone="SET NULL", null=True),
    # how often it was judged: each further look comes at twice as many cases
    Column("looks", Integer(), nullable=False),
    # messages on which its models failed
    Column("errors", Integer(), nullable=False),
    moment("created_at"),
    moment("ready_at", null=True),
    moment("ended_at", null=True),
    Index(None, "created_at"),
    # never two candidates at a time, whatever two admins press at once
    index_where("uq_stages_running", "state = 'running'", "state", unique=True),
    one_of("kind", "shadow", "canary"),
    one_of("state", "running", "passed", "returned", "stopped"),
)

# what a candidate in shadow would have suggested, and how near it came to what was sent
shadow_drafts = Table(
    "shadow_drafts",
    metadata,
    Column("stage_id", Uuid(), ForeignKey("stages.id", ondelete="CASCADE"), primary_key=True),
    Column("message_id", Uuid(), ForeignKey("messages.id", ondelete="CASCADE"), primary_key=True),
    reference("conversation_id", "conversations"),
    Column("drafts", Json(), nullable=False),
    Column("latency_ms", Float(), nullable=False),
    moment("created_at"),
    moment("measured_at", null=True),
    # did the agent write their own words, rather than take a draft?
    Column("own", Boolean(), nullable=True),
    Column("candidate_best", Float(), nullable=True),
    Column("candidate_first", Float(), nullable=True),
    Column("champion_best", Float(), nullable=True),
    Column("champion_first", Float(), nullable=True),
    Index(None, "message_id"),
    Index(None, "conversation_id"),
    index_where("ix_shadow_drafts_unmeasured", "measured_at IS NULL", "stage_id"),
)

# no foreign key to accounts: an entry outlives the account that it names
audit = Table(
    "audit",
    metadata,
    number_column(),
    moment("at"),
    Column("actor_id", Uuid(), nullable=True),
    words("actor", 200),
    words("action", 64),
    words("subject", 200),
    Column("details", Json(), nullable=False),
    # a page of any filter is read in the order of its index, newest first
    Index(None, "at", "number"),
    Index(None, "actor", "at", "number"),
    Index(None, "action", "at", "number"),
    Index(None, "actor", "action", "at", "number"),
)

settings = Table(
    "settings",
    metadata,
    Column("name", Words(100), primary_key=True),
    Column("value", Json(), nullable=False),
    moment("updated_at"),
)

named_intents = Table(
    "named_intents",
    metadata,
    id_column(),
    Column("name", Words(100), nullable=False, unique=True),
    moment("created_at"),
    moment("updated_at"),
)

# the messages themselves, not copies: who is erased leaves the examples too
named_intent_examples = Table(
    "named_intent_examples",
    metadata,
    Column("intent_id", Uuid(), ForeignKey("named_intents.id", ondelete="CASCADE"), primary_key=True),
    Column("message_id", Uuid(), ForeignKey("messages.id", ondelete="CASCADE"), primary_key=True),
    Index(None, "message_id"),
)
