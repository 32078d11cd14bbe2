"""Conversations: how they stand and who owns them; and the one door to all that belongs to them.

Customers, messages, readings, the inbox and imports live in files of their own and are passed on
here, so that callers need this module only. Knows no channel and no policy.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select, text, update

from storage.analyses import analysis_of, embeddings_of, save_analysis
from storage.customers import (
    create_customer,
    customer,
    customer_by_identity,
    customer_by_token,
    customer_for,
    erase_customer,
    update_customer,
)
from storage.errors import NotFound
from storage.imports import import_conversation, imported_among, imported_ids
from storage.inbox import list_conversations, summary
from storage.messages import mark_delivered, message, messages_after, post, receive, recent_messages
from storage.records import Conversation, Owner, Priority, Status
from storage.rows import to_conversation
from storage.schema import conversations as table
from storage.stamps import now
from storage.transaction import Transaction

__all__ = [
    "analysis_of",
    "assign",
    "conversation",
    "create_customer",
    "current_conversation",
    "customer",
    "customer_by_identity",
    "customer_by_token",
    "customer_for",
    "embeddings_of",
    "erase_customer",
    "hand_back",
    "import_conversation",
    "imported_among",
    "imported_ids",
    "list_conversations",
    "mark_delivered",
    "mark_handoff",
    "mark_read",
    "message",
    "messages_after",
    "post",
    "receive",
    "recent_messages",
    "save_analysis",
    "set_priority",
    "set_status",
    "set_tags",
    "summary",
    "take_over",
    "update_customer",
    "wake_snoozed",
]


async def conversation(tx: Transaction, conversation_id: UUID, *, for_update: bool = False) -> Conversation:
    """The conversation; raises NotFound. `for_update` holds others off until the commit."""
    query = select(table).where(table.c.id == conversation_id)
    row = await tx.first(query.with_for_update(key_share=True) if for_update else query)
    if row is None:
        raise NotFound("no such conversation")
    return to_conversation(row)


async def current_conversation(
    tx: Transaction, customer_id: UUID, channel: str, thread: str | None = None
) -> Conversation | None:
    """The customer's conversation on a channel (and thread), whatever its status."""
    place = {"customer_id": customer_id, "channel": channel, "thread": thread or ""}
    row = await tx.first(select(table).filter_by(**place))
    return None if row is None else to_conversation(row)


async def set_status(
    tx: Transaction, conversation_id: UUID, status: Status, *, snoozed_until: datetime | None = None
) -> Conversation:
    """Set the status; `snoozed_until` counts only with "snoozed". Raises NotFound, as all below."""
    until = snoozed_until if status == "snoozed" else None
    return await _change(tx, conversation_id, status=status, snoozed_until=until)


async def assign(tx: Transaction, conversation_id: UUID, account_id: UUID | None) -> Conversation:
    """Give the conversation to an account, or to nobody; the owner stays."""
    return await _change(tx, conversation_id, assignee_id=account_id)


async def take_over(tx: Transaction, conversation_id: UUID, account_id: UUID) -> Conversation:
    """A person takes the conversation from the bot, which is silent in it from now on."""
    return await _own(tx, conversation_id, "person", assignee_id=account_id)


async def hand_back(tx: Transaction, conversation_id: UUID) -> Conversation:
    """A person gives the conversation back to the bot."""
    return await _own(tx, conversation_id, "bot", handoff_reason=None)


async def mark_handoff(tx: Transaction, conversation_id: UUID, reason: str) -> Conversation:
    """The bot steps back for `reason`; a person must take it, so a sleeping conversation opens."""
    return await _own(tx, conversation_id, "person", handoff_reason=reason, status="open", snoozed_until=None)


async def set_priority(tx: Transaction, conversation_id: UUID, priority: Priority) -> Conversation:
    """Set the priority."""
    return await _change(tx, conversation_id, priority=priority)


async def set_tags(tx: Transaction, conversation_id: UUID, tags: Sequence[str]) -> Conversation:
    """Set the tags: trimmed, without repeats, in the given order."""
    kept = dict.fromkeys(tag.strip() for tag in tags)
    return await _change(tx, conversation_id, tags=[tag for tag in kept if tag])


async def mark_read(tx: Transaction, conversation_id: UUID) -> Conversation:
    """An agent has looked; nothing is unread any more."""
    return await _set(tx, conversation_id, unread=0)


async def wake_snoozed(tx: Transaction) -> list[UUID]:
    """Open the conversations whose sleep is over; their ids."""
    due = update(table).where(text("conversations.status = 'snoozed'"), table.c.snoozed_until <= now())
    awake = due.values(status="open", snoozed_until=None, updated_at=now()).returning(table.c.id)
    return [row["id"] for row in await tx.all(awake)]


async def _own(tx: Transaction, conversation_id: UUID, owner: Owner, **values: Any) -> Conversation:
    return await _change(tx, conversation_id, owner=owner, **values)


async def _change(tx: Transaction, conversation_id: UUID, **values: Any) -> Conversation:
    return await _set(tx, conversation_id, updated_at=now(), **values)


async def _set(tx: Transaction, conversation_id: UUID, **values: Any) -> Conversation:
    changed = update(table).where(table.c.id == conversation_id).values(**values)
    row = await tx.first(changed.returning(*table.c))
    if row is None:
        raise NotFound("no such conversation")
    return to_conversation(row)
