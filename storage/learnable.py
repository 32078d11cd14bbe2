"""What models may learn from: conversations of customers who allow it, each turn with its origin.

The suggestion ledger tells whether an agent wrote a reply, changed a draft, or sent one as it was. Passwords,
addresses and names are still in these texts. Knows no model and no file.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID

from sqlalchemy import ColumnElement, case, exists, func, select, text

from storage.schema import candidates, conversations, customers, messages, suggestions
from storage.transaction import Transaction

Origin = Literal["person", "edited", "accepted", "automatic"]

# written out as in its partial index: a planner can't match a parameter with that
_FROM_A_PERSON: Final = text("messages.kind = 'agent'")
_SAID: Final = ("customer", "agent", "bot")


@dataclass(frozen=True, slots=True)
class SaidTurn:
    """One turn. An agent's has an origin, and the id of the account that sent it where one is known."""

    role: Literal["customer", "agent"]
    text: str
    at: datetime
    origin: Origin | None
    author: str | None


@dataclass(frozen=True, slots=True)
class Learnable:
    """A conversation to learn from, oldest turn first; notes and activity are left out."""

    id: UUID
    customer_id: UUID
    turns: tuple[SaidTurn, ...]


async def learnable(tx: Transaction, after: UUID | None, limit: int) -> list[Learnable]:
    """The next conversations after `after` (None: from the first), in the order of their ids.

    Their customers allow learning, and a person has sent one reply at least. An empty list is the end.
    """
    allowed = (
        select(conversations.c.id, conversations.c.customer_id)
        .join(customers, customers.c.id == conversations.c.customer_id)
        .where(customers.c.learn_from, _replied_by_a_person())
    )
    page = allowed if after is None else allowed.where(conversations.c.id > after)
    rows = await tx.all(page.order_by(conversations.c.id).limit(limit))
    said = await turns_of(tx, [row["id"] for row in rows])
    return [Learnable(row["id"], row["customer_id"], said[row["id"]]) for row in rows]


def _replied_by_a_person() -> ColumnElement[bool]:
    replied = exists().where(messages.c.conversation_id == conversations.c.id, _FROM_A_PERSON)
    return replied.where(~messages.c.automatic)


@dataclass(frozen=True, slots=True)
class Shares:
    """All conversations by whether models may learn from them, and why not from the rest."""

    conversations: int
    imported: int
    eligible: int
    not_eligible: Mapping[str, int]
    """By reason: no_consent, only_automatic (a machine alone has answered), no_agent_reply."""


async def shares(tx: Transaction) -> Shares:
    """What `learnable` would find of the whole log, as counts."""
    answered = exists().where(
        messages.c.conversation_id == conversations.c.id, messages.c.kind.in_(("agent", "bot"))
    )
    reason = case(
        (~customers.c.learn_from, "no_consent"),
        (_replied_by_a_person(), "eligible"),
        (answered, "only_automatic"),
        else_="no_agent_reply",
    )
    sorted_out = (
        select(reason.label("reason"), (conversations.c.channel == "import").label("imported"))
        .join(customers, customers.c.id == conversations.c.customer_id)
        .subquery()
    )
    kinds = (sorted_out.c.reason, sorted_out.c.imported)
    rows = await tx.all(select(*kinds, func.count().label("count")).group_by(*kinds))
    by_reason: dict[str, int] = defaultdict(int)
    for row in rows:
        by_reason[row["reason"]] += row["count"]
    eligible = by_reason.pop("eligible", 0)
    imported = sum(row["count"] for row in rows if row["imported"])
    return Shares(eligible + sum(by_reason.values()), imported, eligible, dict(by_reason))


async def reviewed_since(tx: Transaction, since: datetime) -> int:
    """Conversations in which an agent has decided on a suggestion since then."""
    query = (
        select(func.count(suggestions.c.conversation_id.distinct()))
        .join(candidates, candidates.c.suggestion_id == suggestions.c.id)
        .where(
            candidates.c.decided_at > since,
            candidates.c.outcome.in_(["accepted", "edited", "rejected"]),
        )
    )
    return int(await tx.scalar(query) or 0)


async def turns_of(tx: Transaction, ids: Sequence[UUID]) -> dict[UUID, tuple[SaidTurn, ...]]:
    """What was said in each of these conversations, oldest first; every id has an entry."""
    sent = await _sent_drafts(tx, ids)
    of_them = select(messages).where(messages.c.conversation_id.in_(ids), messages.c.kind.in_(_SAID))
    found: dict[UUID, list[SaidTurn]] = {one: [] for one in ids}
    for row in await tx.all(of_them.order_by(messages.c.conversation_id, messages.c.seq)):
        found[row["conversation_id"]].append(_turn(row, sent[row["conversation_id"]]))
    return {one: tuple(turns) for one, turns in found.items()}


_Sent = tuple[int, str, Origin]
"""(based_on_seq, text that was sent, "accepted" or "edited") of a draft."""


async def _sent_drafts(tx: Transaction, ids: Sequence[UUID]) -> Mapping[UUID, list[_Sent]]:
    """Drafts that agents sent, by conversation, the latest first."""
    rows = await tx.all(
        select(
            suggestions.c.conversation_id,
            suggestions.c.based_on_seq,
            candidates.c.final_text,
            candidates.c.outcome,
        )
        .join(candidates, candidates.c.suggestion_id == suggestions.c.id)
        .where(suggestions.c.conversation_id.in_(ids), candidates.c.outcome.in_(["accepted", "edited"]))
        .order_by(suggestions.c.based_on_seq.desc(), suggestions.c.created_at.desc())
    )
    sent: dict[UUID, list[_Sent]] = defaultdict(list)
    for row in rows:
        words = (row["final_text"] or "").strip()
        sent[row["conversation_id"]].append((row["based_on_seq"], words, row["outcome"]))
    return sent


def _turn(row: Mapping[Any, Any], sent: Sequence[_Sent]) -> SaidTurn:
    if row["kind"] == "customer":
        return SaidTurn("customer", row["text"], row["at"], None, None)
    author = None if row["author_id"] is None else str(row["author_id"])
    return SaidTurn("agent", row["text"], row["at"], _origin(row, sent), author)


def _origin(row: Mapping[Any, Any], sent: Sequence[_Sent]) -> Origin:
    if row["kind"] == "bot" or row["automatic"]:
        return "automatic"
    words = row["text"].strip()
    drafted = (origin for seq, text, origin in sent if seq < row["seq"] and text == words)
    return next(drafted, "person")
