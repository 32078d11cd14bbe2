"""Messages in and out of a conversation, each in one transaction with all that follows from it.

Knows no channel and no model. Whatever appends to a conversation locks it first; receiving locks the
customer before that, because a first message makes the conversation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy import text as sql

from storage import outbox, suggestions, work
from storage.errors import Conflict, NotFound, TakenOver
from storage.records import Conversation, Message, MessageKind, Owner, Received
from storage.rows import build, to_conversation
from storage.schema import accounts, conversations, customers
from storage.schema import messages as table
from storage.stamps import new_id, now
from storage.transaction import Transaction

_AT_ONCE: Final = 1_000
"""Ids in one statement: databases bound the number of parameters."""


async def receive(
    tx: Transaction,
    *,
    customer_id: UUID,
    channel: str,
    text: str,
    client_msg_id: str,
    channel_msg_id: str | None = None,
    thread: str | None = None,
    at: datetime | None = None,
) -> Received:
    """Store a customer's message and what it causes: a conversation, a reopening, stale drafts, work.

    The same `client_msg_id` again returns what is stored, as a duplicate, for ever; with another text
    it raises Conflict. Raises NotFound for an unknown customer.
    """
    await _lock_customer(tx, customer_id)
    mine = (table.c.customer_id == customer_id) & (table.c.client_msg_id == client_msg_id)
    repeated = await _repeated(tx, mine, text, "customer")
    if repeated is not None:
        return repeated
    conversation_id, created = await _conversation_for(tx, customer_id, channel, thread or "")
    time = at or now()
    message, conversation = await _append(
        tx,
        conversation_id,
        {
            "customer_id": customer_id,
            "kind": "customer",
            "text": text,
            "client_msg_id": client_msg_id,
            "channel_msg_id": channel_msg_id,
            "delivery": "none",
            "at": time,
        },
        {
            "last_customer_seq": conversations.c.last_seq + 1,
            "last_shown_seq": conversations.c.last_seq + 1,
            "unread": conversations.c.unread + 1,
            "status": "open",
            "snoozed_until": None,
        },
    )
    await suggestions.mark_stale(tx, conversation_id)
    await work.add_locked(tx, kind="respond", conversation_id=conversation_id, message_id=message.id)
    return Received(message, conversation, duplicate=False, created_conversation=created)


async def _lock_customer(tx: Transaction, customer_id: UUID) -> None:
    lock = select(customers.c.id).where(customers.c.id == customer_id).with_for_update(key_share=True)
    if await tx.first(lock) is None:
        raise NotFound("no such customer")


async def _conversation_for(
    tx: Transaction, customer_id: UUID, channel: str, thread: str
) -> tuple[UUID, bool]:
    """The customer's conversation on this channel and thread, and whether it was made just now."""
    place = {"customer_id": customer_id, "channel": channel, "thread": thread}
    found = await tx.scalar(select(conversations.c.id).filter_by(**place))
    if found is not None:
        return found, False
    row = blank_conversation(now()) | place
    await tx.insert(conversations, [row])
    return row["id"], True


def blank_conversation(time: datetime) -> dict[str, Any]:
    """The row of a conversation without messages; customer, channel and thread are still to be set."""
    return {
        "id": new_id(),
        "external_id": None,
        "status": "open",
        "owner": "bot",
        "assignee_id": None,
        "priority": "normal",
        "tags": [],
        "last_seq": 0,
        "last_customer_seq": 0,
        "last_shown_seq": 0,
        "unread": 0,
        "snoozed_until": None,
        "handoff_reason": None,
        "created_at": time,
        "updated_at": time,
    }


async def post(
    tx: Transaction,
    *,
    conversation_id: UUID,
    kind: MessageKind,
    text: str,
    author_id: UUID | None = None,
    client_msg_id: str | None = None,
    automatic: bool = False,
    expect_owner: Owner | None = None,
    answers: bool = True,
) -> Received:
    """Append a message of ours; agent and bot messages are owed to the customer through the outbox.

    An agent message makes a person the owner. With `expect_owner`, raises TakenOver when somebody else
    owns the conversation by now. What `answers` nothing leaves the customer's messages unread and in the
    inbox. Repeats behave as in receive. Raises NotFound, Conflict.
    """
    if kind == "customer":
        raise ValueError("a customer's message is received, not posted")
    await _lock_conversation(tx, conversation_id, expect_owner)
    if client_msg_id is not None:
        here = (table.c.conversation_id == conversation_id) & (table.c.client_msg_id == client_msg_id)
        repeated = await _repeated(tx, here, text, kind)
        if repeated is not None:
            return repeated
    to_customer = kind in ("agent", "bot")
    message, conversation = await _append(
        tx,
        conversation_id,
        {
            "kind": kind,
            "text": text,
            "client_msg_id": client_msg_id,
            "author_id": author_id,
            "author_name": await _author_name(tx, author_id),
            "delivery": "pending" if to_customer else "none",
            "automatic": automatic,
            "at": now(),
        },
        _effects(kind, author_id) if answers else {},
    )
    if to_customer:
        await outbox.add(tx, message_id=message.id, conversation=conversation, automatic=automatic)
    return Received(message, conversation, duplicate=False, created_conversation=False)


async def _lock_conversation(tx: Transaction, conversation_id: UUID, expected: Owner | None) -> None:
    owner = await tx.scalar(
        select(conversations.c.owner)
        .where(conversations.c.id == conversation_id)
        .with_for_update(key_share=True)
    )
    if owner is None:
        raise NotFound("no such conversation")
    if expected is not None and owner != expected:
        raise TakenOver("somebody else owns this conversation by now")


async def _author_name(tx: Transaction, author_id: UUID | None) -> str | None:
    if author_id is None:
        return None
    name = await tx.scalar(select(accounts.c.name).where(accounts.c.id == author_id))
    if name is None:
        raise NotFound("no such account")
    return str(name)


def _effects(kind: MessageKind, author_id: UUID | None) -> dict[str, Any]:
    """What a message of ours changes in its conversation."""
    if kind not in ("agent", "bot"):
        return {}
    effects: dict[str, Any] = {"last_shown_seq": conversations.c.last_seq + 1, "unread": 0}
    if kind == "agent":
        effects["owner"] = "person"
        if author_id is not None:
            effects["assignee_id"] = func.coalesce(conversations.c.assignee_id, author_id)
    return effects


async def _append(
    tx: Transaction, conversation_id: UUID, row: Mapping[str, Any], effects: Mapping[str, Any]
) -> tuple[Message, Conversation]:
    """Take the next seq, which locks the conversation until the commit, and insert the message."""
    moved = await tx.first(
        update(conversations)
        .where(conversations.c.id == conversation_id)
        .values(last_seq=conversations.c.last_seq + 1, updated_at=now(), **effects)
        .returning(*conversations.c)
    )
    if moved is None:
        raise NotFound("no such conversation")
    conversation = to_conversation(moved)
    blank = {"customer_id": None, "channel_msg_id": None, "author_id": None, "author_name": None}
    whole = {"automatic": False, **blank, **row, "id": new_id(), "seq": conversation.last_seq}
    whole["conversation_id"] = conversation_id
    await tx.insert(table, [whole])
    del whole["customer_id"]
    whole["at"] = whole["at"].astimezone(UTC)
    return Message(**whole), conversation


async def _repeated(
    tx: Transaction, key: ColumnElement[bool], text: str, kind: MessageKind
) -> Received | None:
    """What is stored under this key already; raises Conflict when it says something else."""
    row = await tx.first(select(table).where(key))
    if row is None:
        return None
    message = build(Message, row, table)
    if message.text != text or message.kind != kind:
        raise Conflict("this client_msg_id was used for another message")
    stored = await tx.one(select(conversations).where(conversations.c.id == message.conversation_id))
    return Received(message, to_conversation(stored), duplicate=True, created_conversation=False)


async def messages_after(tx: Transaction, conversation_id: UUID, seq: int, limit: int = 500) -> list[Message]:
    """The messages after `seq`, oldest first, at most `limit`."""
    later = select(table).where(table.c.conversation_id == conversation_id, table.c.seq > seq)
    return [build(Message, row, table) for row in await tx.all(later.order_by(table.c.seq).limit(limit))]


async def recent_messages(
    tx: Transaction, conversation_id: UUID, limit: int, *, up_to_seq: int | None = None
) -> list[Message]:
    """The latest `limit` messages, or the latest up to `up_to_seq` and with it; oldest first."""
    latest = select(table).where(table.c.conversation_id == conversation_id)
    if up_to_seq is not None:
        latest = latest.where(table.c.seq <= up_to_seq)
    rows = await tx.all(latest.order_by(table.c.seq.desc()).limit(limit))
    return [build(Message, row, table) for row in reversed(rows)]


async def texts_of(tx: Transaction, message_ids: Sequence[UUID]) -> dict[UUID, str]:
    """The texts of those of the messages that are there."""
    found: dict[UUID, str] = {}
    for start in range(0, len(message_ids), _AT_ONCE):
        some = table.c.id.in_(message_ids[start : start + _AT_ONCE])
        found |= {
            row[table.c.id]: row[table.c.text]
            for row in await tx.all(select(table.c.id, table.c.text).where(some))
        }
    return found


async def message(tx: Transaction, message_id: UUID) -> Message:
    """One message; raises NotFound."""
    row = await tx.first(select(table).where(table.c.id == message_id))
    if row is None:
        raise NotFound("no such message")
    return build(Message, row, table)


async def mark_delivered(tx: Transaction, conversation_id: UUID, up_to_seq: int) -> list[UUID]:
    """The customer has seen everything up to `up_to_seq`; the ids of those not known as seen before."""
    seen = (
        update(table)
        .where(
            table.c.conversation_id == conversation_id,
            table.c.seq <= up_to_seq,
            # written out as in its partial index: a planner can't match parameters with that
            sql("messages.delivery IN ('pending', 'sent', 'failed', 'unknown')"),
        )
        .values(delivery="delivered")
        .returning(table.c.id, table.c.seq)
    )
    rows = sorted(await tx.all(seen), key=lambda row: int(row["seq"]))
    return [row["id"] for row in rows]
