"""What models may learn from: conversations of customers who allow it, each turn with its origin.

The suggestion ledger tells whether an agent wrote a reply, changed a draft, or sent one as it was, and which
drafts they had before them. Passwords, addresses and names are still in these texts. Knows no model and no
file.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID

from sqlalchemy import case, exists, func, select, text
from sqlalchemy.sql import Select

from storage.schema import candidates, conversations, customers, messages, suggestions
from storage.transaction import Transaction
from storage.transcripts.transcript import Drafted

Origin = Literal["person", "edited", "accepted", "automatic"]

# written out as in its partial index: a planner can't match a parameter with that
_FROM_A_PERSON: Final = text("messages.kind = 'agent'")
_SAID: Final = ("customer", "agent", "bot")
_DECIDED: Final = ("accepted", "edited", "rejected", "ignored")
_BY_A_PERSON: Final = exists().where(
    messages.c.conversation_id == conversations.c.id, _FROM_A_PERSON, ~messages.c.automatic
)
_ALLOWED: Final = (
    select(conversations.c.id, conversations.c.customer_id, customers.c.display_name)
    .join(customers, customers.c.id == conversations.c.customer_id)
    .where(customers.c.learn_from, _BY_A_PERSON)
)


@dataclass(frozen=True, slots=True)
class SaidTurn:
    """One turn. An agent's has an origin, and the id of the account that sent it where one is known.

    `drafts` are those that this turn decided, by their place.
    """

    role: Literal["customer", "agent"]
    text: str
    at: datetime
    origin: Origin | None
    author: str | None
    drafts: tuple[Drafted, ...] = ()


@dataclass(frozen=True, slots=True)
class Learnable:
    """A conversation to learn from, oldest turn first; notes and activity are left out."""

    id: UUID
    customer_id: UUID
    turns: tuple[SaidTurn, ...]
    customer_name: str = ""


async def learnable(tx: Transaction, after: UUID | None, limit: int) -> list[Learnable]:
    """The next conversations after `after` (None: from the first), in the order of their ids.

    Their customers allow learning, and a person has sent one reply at least. An empty list is the end.
    """
    page = _ALLOWED if after is None else _ALLOWED.where(conversations.c.id > after)
    return await _page(tx, page.order_by(conversations.c.id).limit(limit))


async def newest_learnable(tx: Transaction, before: UUID | None, limit: int) -> list[Learnable]:
    """The same, newest first: the next ones before `before` (None: from the newest)."""
    page = _ALLOWED if before is None else _ALLOWED.where(conversations.c.id < before)
    return await _page(tx, page.order_by(conversations.c.id.desc()).limit(limit))


async def _page(tx: Transaction, page: Select[Any]) -> list[Learnable]:
    rows = await tx.all(page)
    said = await turns_of(tx, [row["id"] for row in rows])
    return [Learnable(row["id"], row["customer_id"], said[row["id"]], row["display_name"]) for row in rows]


async def reply_ids(tx: Transaction, ids: Sequence[UUID]) -> list[UUID]:
    """Ids of all that agents have written in these conversations: what retrieval knows their replies by."""
    query = select(messages.c.id).where(messages.c.conversation_id.in_(ids), _FROM_A_PERSON)
    return [row["id"] for row in await tx.all(query)]


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
        (_BY_A_PERSON, "eligible"),
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
    made = await _suggestions(tx, ids)
    of_them = select(messages).where(messages.c.conversation_id.in_(ids), messages.c.kind.in_(_SAID))
    found: dict[UUID, list[Row]] = {one: [] for one in ids}
    for row in await tx.all(of_them.order_by(messages.c.conversation_id, messages.c.seq)):
        found[row["conversation_id"]].append(row)
    return {one: tuple(_turns(rows, made[one])) for one, rows in found.items()}


Row = Mapping[Any, Any]


@dataclass(slots=True)
class _Suggestion:
    """What was put before an agent after message `seq`; `sent` is what went out of it, and how."""

    seq: int
    drafts: list[Drafted]
    sent: tuple[str, Origin] | None = None


async def _suggestions(tx: Transaction, ids: Sequence[UUID]) -> Mapping[UUID, list[_Suggestion]]:
    """Suggestions that agents decided on, by conversation, the latest first."""
    rows = await tx.all(
        select(
            suggestions.c.id,
            suggestions.c.conversation_id,
            suggestions.c.based_on_seq,
            candidates.c.text,
            candidates.c.final_text,
            candidates.c.outcome,
        )
        .join(candidates, candidates.c.suggestion_id == suggestions.c.id)
        .where(suggestions.c.conversation_id.in_(ids), candidates.c.outcome.in_(_DECIDED))
        .order_by(
            suggestions.c.based_on_seq.desc(),
            suggestions.c.created_at.desc(),
            suggestions.c.id,
            candidates.c.position,
        )
    )
    made: dict[UUID, dict[UUID, _Suggestion]] = defaultdict(dict)
    for row in rows:
        fresh = _Suggestion(row["based_on_seq"], [])
        one = made[row["conversation_id"]].setdefault(row["id"], fresh)
        one.drafts.append(Drafted(row["text"], row["outcome"]))
        if row["outcome"] in ("accepted", "edited"):
            one.sent = (row["final_text"] or "").strip(), row["outcome"]
    return defaultdict(list, {of: list(some.values()) for of, some in made.items()})


def _turns(rows: Sequence[Row], made: Sequence[_Suggestion]) -> Iterator[SaidTurn]:
    asked, answered = 0, False
    for row in rows:
        if row["kind"] == "customer":
            asked, answered = row["seq"], False
            yield SaidTurn("customer", row["text"], row["at"], None, None)
            continue
        author = None if row["author_id"] is None else str(row["author_id"])
        origin = _origin(row, made)
        drafts = _before_them(row, origin, made, asked, answered)
        answered |= origin != "automatic"
        yield SaidTurn("agent", row["text"], row["at"], origin, author, drafts)


def _origin(row: Row, made: Sequence[_Suggestion]) -> Origin:
    if row["kind"] == "bot" or row["automatic"]:
        return "automatic"
    words = row["text"].strip()
    drafted = (one.sent[1] for one in made if one.seq < row["seq"] and one.sent and one.sent[0] == words)
    return next(drafted, "person")


def _before_them(
    row: Row, origin: Origin, made: Sequence[_Suggestion], asked: int, answered: bool
) -> tuple[Drafted, ...]:
    """The drafts of the suggestion that this turn decided: the one it was sent from, or, of an agent's own
    words, the one for the customer's latest message, where these words are the first answer to it.
    """
    words = row["text"].strip()
    for one in made:
        if not asked <= one.seq < row["seq"]:
            continue
        own = one.sent is None and origin == "person" and not answered
        if own or (one.sent == (words, origin)):
            return tuple(one.drafts)
    return ()
