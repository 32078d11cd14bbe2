"""The nouns of storage: frozen values handed out. Knows no SQL; no row leaves this package.

Ids are uuid.UUID, times are aware and UTC, scores are 0..1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from storage.records_admin import Account as Account
from storage.records_admin import AccountRole as AccountRole
from storage.records_admin import ArticleDraft as ArticleDraft
from storage.records_admin import AuditEntry as AuditEntry
from storage.records_admin import CannedReply as CannedReply
from storage.records_admin import DraftState as DraftState
from storage.records_admin import HelpArticle as HelpArticle
from storage.records_admin import ModelVersion as ModelVersion
from storage.records_admin import NamedIntent as NamedIntent
from storage.records_admin import Opening as Opening
from storage.records_admin import ReplyPair as ReplyPair
from storage.records_admin import RunState as RunState
from storage.records_admin import SignInSession as SignInSession
from storage.records_admin import Stage as Stage
from storage.records_admin import StageKind as StageKind
from storage.records_admin import StageState as StageState
from storage.records_admin import TrainingRun as TrainingRun
from storage.records_admin import Upload as Upload
from storage.records_admin import UploadState as UploadState
from storage.records_admin import VersionState as VersionState

Status = Literal["open", "pending", "snoozed", "resolved"]
Owner = Literal["bot", "person"]
Priority = Literal["low", "normal", "high", "urgent"]
MessageKind = Literal["customer", "agent", "bot", "note", "activity"]
Delivery = Literal["pending", "sent", "delivered", "failed", "unknown", "none"]
Mood = Literal["negative", "neutral", "positive"]
Outcome = Literal["accepted", "edited", "rejected", "ignored", "stale"]
SuggestionState = Literal["open", "decided", "stale"]
OutboxState = Literal["pending", "claimed", "sent", "failed", "unknown"]


@dataclass(frozen=True, slots=True)
class Customer:
    """Somebody who writes to us."""

    id: UUID
    display_name: str
    email: str | None
    locale: str | None
    created_at: datetime
    learn_from: bool = True
    """Whether models may learn from their conversations."""


@dataclass(frozen=True, slots=True)
class Conversation:
    """One customer's thread on one channel; `last_seq` counts every message, without gaps, from 1."""

    id: UUID
    customer_id: UUID
    channel: str
    status: Status
    owner: Owner
    assignee_id: UUID | None
    priority: Priority
    tags: tuple[str, ...]
    last_seq: int
    last_customer_seq: int
    snoozed_until: datetime | None
    created_at: datetime
    updated_at: datetime
    handoff_reason: str | None
    thread: str | None = None
    """The channel's own key of the conversation (a Slack thread), if it has one."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message. `delivery` is "none" for what nobody has to be sent."""

    id: UUID
    conversation_id: UUID
    seq: int
    kind: MessageKind
    text: str
    client_msg_id: str | None
    channel_msg_id: str | None
    author_id: UUID | None
    author_name: str | None
    delivery: Delivery
    automatic: bool
    at: datetime


@dataclass(frozen=True, slots=True)
class Received:
    """What storing a message did; a duplicate changed nothing and returns the stored one."""

    message: Message
    conversation: Conversation
    duplicate: bool
    created_conversation: bool


@dataclass(frozen=True, slots=True)
class EntityRecord:
    """A span of a message, `text == message[start:end]` in characters, with its normalised value."""

    type: str
    text: str
    start: int
    end: int
    value: str
    score: float
    source: str


@dataclass(frozen=True, slots=True)
class AnalysisRecord:
    """One reading of one message; its embedding is read by analyses.embeddings_of."""

    message_id: UUID
    model_version: str
    language: str
    language_score: float
    negative: float
    neutral: float
    positive: float
    intent: str
    intent_score: float
    entities: tuple[EntityRecord, ...]
    latency_ms: float

    @property
    def mood(self) -> Mood:
        """The most probable of the three classes."""
        scores: dict[Mood, float] = {
            "negative": self.negative,
            "neutral": self.neutral,
            "positive": self.positive,
        }
        return max(scores, key=lambda mood: scores[mood])


@dataclass(frozen=True, slots=True)
class CandidateRecord:
    """One draft of a suggestion and what became of it; everything from `outcome` on is filled later."""

    position: int
    text: str
    template: str
    score: float
    source: str
    evidence: tuple[Mapping[str, Any], ...] = ()
    unfilled: tuple[str, ...] = ()
    features: Mapping[str, float] = field(default_factory=dict)
    outcome: Outcome | None = None
    final_text: str | None = None
    edit_distance: float | None = None
    """Normalised Levenshtein distance of draft and sent text, 0 equal .. 1 nothing in common."""
    reason: str | None = None
    decided_by: UUID | None = None
    """The account that decided; None on a decided candidate means that the bot answered by itself."""
    decided_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Suggestion:
    """The drafts made for one customer message, by one model version, and why they were shown."""

    id: UUID
    conversation_id: UUID
    message_id: UUID
    based_on_seq: int
    model_version: str
    mode: str
    decision: str
    why: str
    latency_ms: float
    state: SuggestionState
    candidates: tuple[CandidateRecord, ...]
    created_at: datetime
    alone: bool | None = None
    """Nothing but its score and the mode kept the first draft from going out alone; None: not known."""


Verdict = Literal["right", "wrong"]

SMALL_EDIT = 0.1
"""Up to this edit distance an edited draft counts as acceptable: a name, a comma, a kinder word."""
HEAVY_EDIT = 0.5
"""From this edit distance on an edited draft counts as the agent's own words: more than half of it went."""


@dataclass(frozen=True, slots=True)
class ReviewedDraft:
    """The first draft for one message, and what a person made of it.

    `verdict` is there for one that went out by itself and was judged afterwards; `outcome` is what
    an agent did with any other.
    """

    suggestion_id: UUID
    score: float
    outcome: Outcome
    edit_distance: float | None
    verdict: Verdict | None

    @property
    def acceptable(self) -> bool:
        """Whether it could have gone out as it is: judged right, sent unchanged, or all but unchanged.

        Passed over counts as not acceptable, also where an agent wrote their own words: they may have said
        the same, but nobody knows, and this is the careful side.
        """
        if self.verdict is not None:
            return self.verdict == "right"
        if self.outcome == "edited":
            return self.edit_distance is not None and self.edit_distance <= SMALL_EDIT
        return self.outcome == "accepted"


@dataclass(frozen=True, slots=True)
class AutomaticReview:
    """A reply that went out by itself and that a person is asked about."""

    suggestion_id: UUID
    conversation_id: UUID
    message: Message
    """The reply as it was sent."""
    model_version: str
    score: float
    verdict: Verdict | None
    created_at: datetime
    decided_at: datetime | None


@dataclass(frozen=True, slots=True)
class OutboxItem:
    """A message that we owe to a customer. While claimed, `due_at` is the end of the lease.

    `attempts` counts claims, this one included. `uncertain` says that an earlier attempt ended
    without a report, so the channel may have sent it: look it up before sending again.
    """

    id: UUID
    message_id: UUID
    conversation_id: UUID
    customer_id: UUID
    channel: str
    text: str
    automatic: bool
    attempts: int
    state: OutboxState
    due_at: datetime
    uncertain: bool = False
    channel_msg_id: str | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class WorkItem:
    """Work that is still owed on a message; `attempts` counts claims, this one included."""

    id: UUID
    kind: str
    conversation_id: UUID
    message_id: UUID
    attempts: int


@dataclass(frozen=True, slots=True)
class ConversationSummary:
    """One line of the inbox; `mood` is that of the customer's latest message, once it was read."""

    conversation: Conversation
    customer: Customer
    last_message: Message | None
    mood: Mood | None
    unread: int


@dataclass(frozen=True, slots=True)
class Page:
    """A page of the inbox; `next` goes into `before` for the following one, None at the end."""

    items: tuple[ConversationSummary, ...]
    next: str | None


@dataclass(frozen=True, slots=True)
class Imported:
    """An imported conversation; `created` is False where its external id was there already."""

    conversation: Conversation
    created: bool
