"""What the api answers, as published in /openapi.json and checked in the tests. Pure shapes.

The dicts themselves are made in bot.views, for REST and live events alike; these models only say
what they promise.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from bot.api.routing import Shape

Kind = Literal["customer", "agent", "bot", "note", "activity"]
Delivery = Literal["pending", "sent", "delivered", "failed", "unknown", "none"]


class Sentiment(Shape):
    """Probabilities of the three classes, the most probable one and its probability."""

    negative: float
    neutral: float
    positive: float
    label: Literal["negative", "neutral", "positive"]
    score: float


class Intent(Shape):
    """What the customer wants, with its probability."""

    name: str
    score: float


class Entity(Shape):
    """A span of the message by character offsets, and its normalised value."""

    type: str
    text: str
    start: int
    end: int
    value: str
    score: float
    source: str


class Analysis(Shape):
    """One reading of one message."""

    language: str
    language_score: float
    sentiment: Sentiment
    intent: Intent
    entities: list[Entity]
    model_version: str


class CustomerMessage(Shape):
    """A message as its customer sees it."""

    id: UUID
    seq: int
    kind: Literal["customer", "agent", "bot"]
    text: str
    at: datetime
    author_name: str | None
    automatic: bool
    client_msg_id: str | None


class AgentMessage(Shape):
    """A message as the support team sees it."""

    id: UUID
    seq: int
    kind: Kind
    text: str
    at: datetime
    author_name: str | None
    automatic: bool
    client_msg_id: str | None
    conversation_id: UUID
    delivery: Delivery
    author_id: UUID | None
    analysis: Analysis | None


class Conversation(Shape):
    """A conversation as the support team sees it."""

    id: UUID
    customer_id: UUID
    channel: str
    status: Literal["open", "pending", "snoozed", "resolved"]
    owner: Literal["bot", "person"]
    assignee_id: UUID | None
    priority: Literal["low", "normal", "high", "urgent"]
    tags: list[str]
    last_seq: int
    last_customer_seq: int
    snoozed_until: datetime | None
    handoff_reason: str | None
    created_at: datetime
    updated_at: datetime


class CustomerConversation(Shape):
    """A conversation as its customer sees it."""

    id: UUID
    channel: str
    resolved: bool
    with_person: bool
    created_at: datetime


class Customer(Shape):
    """Who is asking."""

    id: UUID
    display_name: str
    email: str | None
    locale: str | None
    created_at: datetime


class Candidate(Shape):
    """One suggested reply, with what it leans on and what became of it."""

    position: int
    text: str
    score: float
    source: str
    evidence: list[dict[str, Any]]
    unfilled: list[str]
    outcome: str | None


class Suggestion(Shape):
    """The suggested replies to one message."""

    id: UUID
    message_id: UUID
    based_on_seq: int
    model_version: str
    state: Literal["open", "decided", "stale"]
    decision: str
    why: str
    latency_ms: float
    candidates: list[Candidate]


class Summary(Shape):
    """A line of the inbox."""

    conversation: Conversation
    customer: Customer
    last_message: AgentMessage | None
    mood: str | None
    unread: int


class Visitor(Shape):
    """A new visitor's token; it is shown this once and proves who they are."""

    token: str
    customer_id: UUID


class History(Shape):
    """A customer's conversation from a cursor on."""

    conversation: CustomerConversation | None
    messages: list[CustomerMessage]
    last_seq: int


class Acknowledged(Shape):
    """The message is stored; a repeat of its client_msg_id gives the same with `duplicate`."""

    id: UUID
    seq: int
    conversation_id: UUID
    at: datetime
    duplicate: bool


class Inbox(Shape):
    """A page of the inbox, newest activity first; give `next` as `before` for the next page."""

    items: list[Summary]
    next: str | None


class OpenedConversation(Shape):
    """Everything the console shows of one conversation."""

    conversation: Conversation
    customer: Customer
    messages: list[AgentMessage]
    suggestion: Suggestion | None


class AgentHistory(Shape):
    """Messages from a cursor on."""

    messages: list[AgentMessage]
    last_seq: int


class Posted(Shape):
    """The message that was stored."""

    message: AgentMessage


class Changed(Shape):
    """The conversation after the change."""

    conversation: Conversation


class Empty(Shape):
    """An empty object."""


class Problem(Shape):
    """RFC 9457, with `code` (the short name) and `errors` (the fields)."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    errors: list[dict[str, str]] | None = None
