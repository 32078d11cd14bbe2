"""Erasing a customer: every row that is theirs, and what other conversations' drafts cite of them.

Knows rows only; files, models and the order of the whole are bot.erasure's. The audit log keeps that
somebody was erased under a digest of their id, which proves it to who knows the id and tells nobody else.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from sqlalchemy import FromClause, Select, func, select, update

from storage import article_drafts
from storage.customers import customer, erase_customer
from storage.schema import (
    analyses,
    candidates,
    conversations,
    customer_identities,
    messages,
    outbox,
    suggestions,
    vectors,
    work,
)
from storage.schema_admin import article_draft_sources, audit, named_intent_examples, shadow_drafts
from storage.transaction import Transaction

ACTION: Final = "customer_erased"
_PAGE: Final = 1_000
"""Suggestions whose candidates are looked at in one statement."""

Turns = tuple[tuple[str, str], ...]
Place = tuple[UUID, int]
"""(suggestion_id, position) of a candidate."""


@dataclass(frozen=True, slots=True)
class Theirs:
    """What a customer has here: their conversations, what was said in each, and the replies of people.

    `said` holds (role, text) of a conversation, role "customer" or "agent", as training takes it.
    """

    said: Mapping[UUID, Turns]
    replies: frozenset[UUID]


def subject(customer_id: UUID) -> str:
    """How the audit log names somebody who was erased; random ids can't be guessed from it."""
    return f"erased:{hashlib.sha256(customer_id.bytes).hexdigest()[:20]}"


async def erased_before(tx: Transaction, customer_id: UUID) -> bool:
    """Does the audit log say that this customer was erased?"""
    entry = select(audit.c.number).where(audit.c.action == ACTION, audit.c.subject == subject(customer_id))
    return await tx.first(entry.limit(1)) is not None


async def theirs(tx: Transaction, customer_id: UUID) -> Theirs:
    """What there is of a customer; raises NotFound."""
    await customer(tx, customer_id)
    rows = await tx.all(
        select(conversations.c.id, messages.c.id, messages.c.kind, messages.c.text)
        .outerjoin(messages, messages.c.conversation_id == conversations.c.id)
        .where(conversations.c.customer_id == customer_id)
        .order_by(conversations.c.id, messages.c.seq)
    )
    said: dict[UUID, list[tuple[str, str]]] = {row[conversations.c.id]: [] for row in rows}
    for row in rows:
        if row[messages.c.kind] in ("customer", "agent", "bot"):
            role = "customer" if row[messages.c.kind] == "customer" else "agent"
            said[row[conversations.c.id]].append((role, row[messages.c.text]))
    replies = frozenset(row[messages.c.id] for row in rows if row[messages.c.kind] == "agent")
    return Theirs({one: tuple(turns) for one, turns in said.items()}, replies)


async def cited(
    tx: Transaction, replies: Collection[UUID], *, after: UUID | None = None
) -> tuple[list[Place], UUID | None]:
    """Candidates that cite one of these replies, and the last suggestion that was looked at.

    Only suggestions made after the first of the replies can, and those after `after` are looked at.
    """
    if not replies:
        return [], after
    found: list[Place] = []
    last = max(after, min(replies)) if after else min(replies)
    while page := await tx.all(_some_after(last)):
        last = page[-1]["id"]
        leaning = select(candidates.c.suggestion_id, candidates.c.position, candidates.c.evidence)
        drafts = leaning.where(candidates.c.suggestion_id.between(page[0]["id"], last))
        found += [
            (row["suggestion_id"], row["position"])
            for row in await tx.all(drafts)
            if any(_is_one_of(item, replies) for item in row["evidence"])
        ]
    return found, last


def _some_after(suggestion_id: UUID) -> Select[Any]:
    """Ids are in the order of time."""
    later = select(suggestions.c.id).where(suggestions.c.id > suggestion_id)
    return later.order_by(suggestions.c.id).limit(_PAGE)


def _is_one_of(item: Mapping[str, Any], replies: Collection[UUID]) -> bool:
    try:
        return item.get("kind") == "reply" and UUID(str(item["id"])) in replies
    except (KeyError, ValueError):
        return False


async def uncite(tx: Transaction, places: Sequence[Place], replies: Collection[UUID]) -> int:
    """Take these replies out of what candidates lean on, title and all; how many candidates had one."""
    for suggestion_id, position in places:
        one = (candidates.c.suggestion_id == suggestion_id) & (candidates.c.position == position)
        row = await tx.first(select(candidates.c.evidence).where(one))
        if row is not None:
            left = [item for item in row["evidence"] if not _is_one_of(item, replies)]
            await tx.execute(update(candidates).where(one).values(evidence=left))
    return len(places)


async def erase(tx: Transaction, customer_id: UUID) -> dict[str, int]:
    """Remove the customer and all that is theirs; rows by table. Raises NotFound."""
    counts = {table.name: int(await tx.scalar(_count(table, customer_id))) for table in _TABLES}
    await article_drafts.forget(tx, customer_id)
    await erase_customer(tx, customer_id)
    return {"customers": 1, **{name: count for name, count in counts.items() if count}}


_TABLES: Final = (
    customer_identities,
    conversations,
    messages,
    analyses,
    vectors,
    suggestions,
    candidates,
    outbox,
    work,
    named_intent_examples,
    shadow_drafts,
    article_draft_sources,
)


def _count(table: FromClause, customer_id: UUID) -> Select[Any]:
    """How many rows of a table are a customer's."""
    here = select(conversations.c.id).where(conversations.c.customer_id == customer_id)
    said = select(messages.c.id).where(messages.c.conversation_id.in_(here))
    made = select(suggestions.c.id).where(suggestions.c.conversation_id.in_(here))
    count = select(func.count()).select_from(table)
    if table is customer_identities or table is conversations:
        return count.where(table.c.customer_id == customer_id)
    if table is candidates:
        return count.where(candidates.c.suggestion_id.in_(made))
    if table is vectors:
        return count.where(vectors.c.ref_id.in_(said))
    key = "conversation_id" if "conversation_id" in table.c else "message_id"
    return count.where(table.c[key].in_(here if key == "conversation_id" else said))
