"""What a round of training may learn from: conversations with agents' replies, and who wrote each of those.

Of the suggestion ledger it is told whether an agent's words are their own, a draft that they changed, or one
that a machine wrote and they accepted. Knows no model and no file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID

from sqlalchemy import exists, func, select
from sqlalchemy.engine import RowMapping

from storage.schema import candidates, conversations, messages, suggestions
from storage.transaction import Transaction

Origin = Literal["person", "edited", "accepted", "automatic"]
_SAID: Final = ("customer", "agent", "bot")


@dataclass(frozen=True, slots=True)
class SaidTurn:
    """One turn; `origin` and `author` are None for the customer's, `author` for those who have left, too."""

    role: Literal["customer", "agent"]
    text: str
    at: datetime
    origin: Origin | None
    author: UUID | None


@dataclass(frozen=True, slots=True)
class Learnable:
    """A conversation, oldest turn first."""

    id: UUID
    customer_id: UUID
    turns: tuple[SaidTurn, ...]


async def learnable(tx: Transaction, after: UUID | None = None, limit: int = 200) -> list[Learnable]:
    """Conversations in which an agent has replied, by id; `after` is the last id of the page before.

    Notes, activities and what was never delivered are left out. An empty list is the end.
    """
    replied = exists().where(messages.c.conversation_id == conversations.c.id, messages.c.kind == "agent")
    wanted = select(conversations.c.id, conversations.c.customer_id).where(replied)
    if after is not None:
        wanted = wanted.where(conversations.c.id > after)
    rows = await tx.all(wanted.order_by(conversations.c.id).limit(limit))
    ids = [row[conversations.c.id] for row in rows]
    if not ids:
        return []
    said, fates = await _said(tx, ids), await _fates(tx, ids)
    return [
        Learnable(
            row[conversations.c.id],
            row[conversations.c.customer_id],
            tuple(_turn(one, fates) for one in said.get(row[conversations.c.id], ())),
        )
        for row in rows
    ]


async def reviewed_since(tx: Transaction, since: datetime) -> int:
    """Conversations in which an agent has decided on a suggestion since then."""
    decided = candidates.c.decided_at > since
    by_people = candidates.c.outcome.in_(("accepted", "edited", "rejected"))
    query = (
        select(func.count(suggestions.c.conversation_id.distinct()))
        .join(candidates, candidates.c.suggestion_id == suggestions.c.id)
        .where(decided, by_people)
    )
    return int(await tx.scalar(query) or 0)


_Fates = dict[tuple[UUID, str], list[tuple[int, Origin]]]


async def _said(tx: Transaction, ids: Sequence[UUID]) -> dict[UUID, list[RowMapping]]:
    query = select(messages).where(
        messages.c.conversation_id.in_(ids),
        messages.c.kind.in_(_SAID),
        messages.c.delivery.not_in(("failed", "unknown")),
    )
    found: dict[UUID, list[RowMapping]] = {}
    for row in await tx.all(query.order_by(messages.c.conversation_id, messages.c.seq)):
        found.setdefault(row[messages.c.conversation_id], []).append(row)
    return found


async def _fates(tx: Transaction, ids: Sequence[UUID]) -> _Fates:
    """By conversation and text: after which message a draft that became this text was made, and its fate."""
    query = (
        select(
            suggestions.c.conversation_id,
            suggestions.c.based_on_seq,
            candidates.c.outcome,
            candidates.c.final_text,
        )
        .join(candidates, candidates.c.suggestion_id == suggestions.c.id)
        .where(suggestions.c.conversation_id.in_(ids), candidates.c.outcome.in_(("accepted", "edited")))
    )
    found: _Fates = {}
    for row in await tx.all(query):
        key = (row[suggestions.c.conversation_id], row[candidates.c.final_text])
        found.setdefault(key, []).append((row[suggestions.c.based_on_seq], row[candidates.c.outcome]))
    return found


def _turn(row: Any, fates: _Fates) -> SaidTurn:
    if row[messages.c.kind] == "customer":
        return SaidTurn("customer", row[messages.c.text], row[messages.c.at], None, None)
    return SaidTurn(
        "agent", row[messages.c.text], row[messages.c.at], _origin(row, fates), row[messages.c.author_id]
    )


def _origin(row: Any, fates: _Fates) -> Origin:
    if row[messages.c.kind] == "bot" or row[messages.c.automatic]:
        return "automatic"
    drafts = fates.get((row[messages.c.conversation_id], row[messages.c.text]), [])
    before = [outcome for based_on, outcome in drafts if based_on < row[messages.c.seq]]
    return before[-1] if before else "person"
