"""The nouns of the shop's knowledge and of the admins' desk; storage.records passes them on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

AccountRole = Literal["agent", "admin", "viewer"]
VersionState = Literal["candidate", "live", "retired", "refused"]
StageKind = Literal["shadow", "canary"]
StageState = Literal["running", "passed", "returned", "stopped"]
RunState = Literal["queued", "running", "published", "refused", "failed"]
UploadState = Literal["surveying", "surveyed", "running", "done", "failed", "cancelled"]


@dataclass(frozen=True, slots=True)
class HelpArticle:
    """A help page; `slug` is its unique name in an address, `intent` the one it answers, if any."""

    id: UUID
    slug: str
    title: str
    body: str
    intent: str | None
    created_at: datetime
    updated_at: datetime


DraftState = Literal["proposed", "approved", "dismissed"]


@dataclass(frozen=True, slots=True)
class ArticleDraft:
    """An article that Deskhand proposes, or proposed; `conversations` are those it was made of.

    `best_score` and `best_title` are of the article that came nearest when it was proposed.
    """

    id: UUID
    state: DraftState
    title: str
    body: str
    conversations: tuple[UUID, ...]
    customers: int
    best_score: float | None
    best_title: str | None
    article_id: UUID | None
    created_at: datetime
    decided_at: datetime | None


@dataclass(frozen=True, slots=True)
class CannedReply:
    """A prepared reply that agents insert by its unique `shortcut`."""

    id: UUID
    shortcut: str
    title: str
    text: str
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class ReplyPair:
    """What a person answered, and the conversation before it; raw text.

    `turns` holds (role, text), role "customer" or "agent", oldest first, ending with the customer's
    words; it is empty where the reply answered nothing. `vector` is the stored
    float32 embedding of kind "reply" under `message_id`, where there is one.
    """

    message_id: UUID
    conversation_id: UUID
    turns: tuple[tuple[str, str], ...]
    reply: str
    intent: str | None
    vector: bytes | None


@dataclass(frozen=True, slots=True)
class NamedIntent:
    """An intent that an admin has named; `examples` holds (message_id, text), oldest first."""

    id: UUID
    name: str
    examples: tuple[tuple[UUID, str], ...]
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Opening:
    """The customer's first message of a conversation, with its reading where there is one.

    `spans` holds where its entities are; `vector` is its float32 embedding; it and the intent are None
    for what was never read, such as imported conversations.
    """

    message_id: UUID
    text: str
    intent: str | None
    intent_score: float | None
    spans: tuple[tuple[int, int], ...]
    vector: bytes | None
    conversation_id: UUID
    customer_id: UUID | None


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody who works here."""

    id: UUID
    email: str
    name: str
    role: AccountRole
    disabled: bool
    created_at: datetime
    last_signed_in_at: datetime | None = None
    must_change: bool = False
    """Somebody else chose the password: it has to be changed before anything else."""


@dataclass(frozen=True, slots=True)
class SignInSession:
    """A signed-in browser; its token is stored as a hash only."""

    id: UUID
    account_id: UUID
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    user_agent: str


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """A model version by its registry name, with the figures it was judged by."""

    version: str
    state: VersionState
    parent: str | None
    metrics: Mapping[str, Any]
    reason: str | None
    created_at: datetime
    changed_at: datetime
    tainted_at: datetime | None = None
    """Since when it is known to have learned from a customer who was erased: it may not go live again."""


@dataclass(frozen=True, slots=True)
class TrainingRun:
    """One round of training, asked for or scheduled; a queued row is the request itself.

    `progress` is what the running round said last; `cancelled` asks it to end.
    """

    id: UUID
    state: RunState
    requested_by: UUID | None
    options: Mapping[str, Any]
    version: str | None
    report: Mapping[str, Any]
    error: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    progress: Mapping[str, Any] | None
    node: str | None
    alive_at: datetime | None
    cancelled: bool


@dataclass(frozen=True, slots=True)
class Upload:
    """A file of transcripts that an admin has uploaded, and what has become of it.

    `working` says that a node reads it now, `kept` that the file is still there. `report` is what the survey
    found, `head` the first rows of a table, `imported` how many conversations are stored by now.
    """

    id: UUID
    name: str
    format: str | None
    options: Mapping[str, Any]
    size: int
    sha256: str
    state: UploadState
    working: bool
    cancelled: bool
    kept: bool
    progress: Mapping[str, Any] | None
    report: Mapping[str, Any] | None
    head: Sequence[Sequence[str]] | None
    imported: int
    error: str | None
    requested_by: UUID | None
    node: str | None
    alive_at: datetime | None
    created_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class Stage:
    """What a candidate goes through before it may go live: drafting unseen, or serving a few.

    `share` is of messages in shadow, of conversations as a canary, 0..1. It ends as "passed" where it went on
    to the next stage or live, "returned" where its figures ended it, "stopped" where somebody did. `looks`
    counts how often it was judged; `ready_at` is since when its figures would let it go on.
    """

    id: UUID
    kind: StageKind
    version: str
    champion: str
    share: float
    state: StageState
    reason: str | None
    requested_by: UUID | None
    looks: int
    errors: int
    created_at: datetime
    ready_at: datetime | None
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """Who did what to which thing; never a message's text."""

    number: int
    at: datetime
    actor_id: UUID | None
    actor: str
    action: str
    subject: str
    details: Mapping[str, Any]
