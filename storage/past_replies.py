"""What people answered, with what they were asked: the memory that retrieval is built from.

Knows no model. Only messages of kind "agent" count: a person wrote them, or approved them by sending.
"""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from sqlalchemy import and_, select, text
from sqlalchemy.sql import Select

from storage.analyses import EMBEDDING_MODEL
from storage.records import ReplyPair
from storage.schema import analyses, messages
from storage.transaction import Transaction
from storage.vectors import get_vectors

_LOOK_BACK: Final = 12
"""Messages before a reply among which its context is looked for."""
_said = messages.alias("said")


async def replies_for_retrieval(
    tx: Transaction, after: UUID | None = None, limit: int = 500, *, model: str = EMBEDDING_MODEL
) -> list[ReplyPair]:
    """Past replies in the order in which they were stored, with what was said before each.

    `after` is the message_id of the last pair of the page before; an empty list is the end. A reply
    that followed no customer message (a second one in a row) has no turns. `vector` is that of kind
    "reply" and `model`.
    """
    by_people = select(messages).where(text("messages.kind = 'agent'"), messages.c.automatic.is_(False))
    if after is not None:
        by_people = by_people.where(messages.c.id > after)
    replies = await tx.all(by_people.order_by(messages.c.id).limit(limit))
    ids = [row[messages.c.id] for row in replies]
    if not ids:
        return []
    said, intents = await _contexts(tx, ids)
    vectors = await get_vectors(tx, "reply", model, ids)
    return [
        ReplyPair(
            message_id=row[messages.c.id],
            conversation_id=row[messages.c.conversation_id],
            turns=_asking(said.get(row[messages.c.id], [])),
            reply=row[messages.c.text],
            intent=intents.get(row[messages.c.id]),
            vector=vectors.get(row[messages.c.id]),
        )
        for row in replies
    ]


def _asking(turns: list[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """The turns, where they end with the customer: only then does the reply answer something."""
    return tuple(turns) if turns and turns[-1][0] == "customer" else ()


async def _contexts(
    tx: Transaction, ids: list[UUID]
) -> tuple[dict[UUID, list[tuple[str, str]]], dict[UUID, str]]:
    """By reply: who said what before it, and the intent of the customer's latest message."""
    said: dict[UUID, list[tuple[str, str]]] = {}
    intents: dict[UUID, str] = {}
    for row in await tx.all(_before(ids)):
        reply_id = row[messages.c.id]
        role = "customer" if row[_said.c.kind] == "customer" else "agent"
        said.setdefault(reply_id, []).append((role, row[_said.c.text]))
        if role == "agent":
            intents.pop(reply_id, None)
        elif row[analyses.c.intent] is not None:
            intents[reply_id] = row[analyses.c.intent]
    return said, intents


def _before(ids: list[UUID]) -> Select[Any]:
    shortly_before = and_(
        _said.c.conversation_id == messages.c.conversation_id,
        _said.c.seq < messages.c.seq,
        _said.c.seq >= messages.c.seq - _LOOK_BACK,
        _said.c.kind.in_(["customer", "agent", "bot"]),
    )
    return (
        select(messages.c.id, _said.c.kind, _said.c.text, analyses.c.intent)
        .join(_said, shortly_before)
        .outerjoin(analyses, analyses.c.message_id == _said.c.id)
        .where(messages.c.id.in_(ids))
        .order_by(messages.c.id, _said.c.seq)
    )
