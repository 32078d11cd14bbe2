"""The list of conversations, newest activity first, in one query a page. Knows no agent's rights."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import and_, literal, select, tuple_
from sqlalchemy.engine import RowMapping
from sqlalchemy.sql import Select

from storage.columns import UtcTime
from storage.errors import InvalidCursor
from storage.records import (
    AnalysisRecord,
    Conversation,
    ConversationSummary,
    Customer,
    Message,
    Mood,
    Page,
    Status,
)
from storage.rows import build, to_analysis, to_conversation
from storage.schema import analyses, conversations, customers, messages
from storage.transaction import Transaction

MAX_PAGE = 200
_shown = messages.alias("shown")
_asked = messages.alias("asked")


async def list_conversations(
    tx: Transaction,
    *,
    status: Status | None = None,
    assignee: UUID | Literal["none"] | None = None,
    limit: int = 50,
    before: str | None = None,
) -> Page:
    """A page of the inbox. `assignee` "none" lists the unassigned, None everybody's.

    `before` is the `next` of the page before; raises InvalidCursor for anything else.
    """
    limit = max(1, min(limit, MAX_PAGE))
    query = _summaries().order_by(conversations.c.updated_at.desc(), conversations.c.id.desc())
    if status is not None:
        query = query.where(conversations.c.status == status)
    if assignee == "none":
        query = query.where(conversations.c.assignee_id.is_(None))
    elif assignee is not None:
        query = query.where(conversations.c.assignee_id == assignee)
    if before is not None:
        time, last_id = _read_cursor(before)
        place = tuple_(conversations.c.updated_at, conversations.c.id)
        query = query.where(place < tuple_(literal(time, UtcTime()), literal(last_id)))
    rows = await tx.all(query.limit(limit + 1))
    items = tuple(_to_summary(row) for row in rows[:limit])
    return Page(items, _cursor(items[-1].conversation) if len(rows) > limit else None)


async def summary(tx: Transaction, conversation_id: UUID) -> ConversationSummary | None:
    """One line of the inbox, or None for an unknown conversation."""
    row = await tx.first(_summaries().where(conversations.c.id == conversation_id))
    return None if row is None else _to_summary(row)


def _summaries() -> Select[Any]:
    """Conversations with all that their line shows; every join is by a unique key."""
    here = conversations.c.id
    shown = and_(_shown.c.conversation_id == here, _shown.c.seq == conversations.c.last_shown_seq)
    asked = and_(_asked.c.conversation_id == here, _asked.c.seq == conversations.c.last_customer_seq)
    return (
        select(conversations, customers, _shown, analyses)
        .join(customers, customers.c.id == conversations.c.customer_id)
        .outerjoin(_shown, shown)
        .outerjoin(_asked, asked)
        .outerjoin(analyses, analyses.c.message_id == _asked.c.id)
    )


def _to_summary(row: RowMapping) -> ConversationSummary:
    last = None if row[_shown.c.id] is None else build(Message, row, _shown)
    mood: Mood | None = None
    if row[analyses.c.message_id] is not None:
        reading: AnalysisRecord = to_analysis(row)
        mood = reading.mood
    customer = build(Customer, row, customers)
    return ConversationSummary(to_conversation(row), customer, last, mood, row[conversations.c.unread])


def _cursor(conversation: Conversation) -> str:
    return f"{conversation.updated_at.isoformat()}~{conversation.id}"


def _read_cursor(cursor: str) -> tuple[datetime, UUID]:
    try:
        time, _, last_id = cursor.partition("~")
        parsed = datetime.fromisoformat(time)
        if parsed.tzinfo is None:
            raise ValueError("no zone")
        return parsed, UUID(last_id)
    except ValueError:
        raise InvalidCursor("this is no cursor of ours") from None
