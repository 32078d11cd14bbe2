"""Articles that were drafted from conversations: proposed, then approved or dismissed by an admin.

A draft knows the conversations that it was made of, so that who is erased leaves it. Knows no text's origin.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import delete, select, update

from storage.errors import Conflict, NotFound
from storage.records import ArticleDraft, DraftState
from storage.rows import build
from storage.schema import conversations
from storage.schema_admin import article_draft_sources as sources
from storage.schema_admin import article_drafts as table
from storage.stamps import new_id, now
from storage.transaction import Transaction


@dataclass(frozen=True, slots=True)
class Proposal:
    """What is proposed: a text, and the conversations that it was made of."""

    title: str
    body: str
    conversations: tuple[UUID, ...]
    customers: int
    best_score: float | None
    best_title: str | None


async def propose(tx: Transaction, found: Sequence[Proposal]) -> None:
    """Put these in the place of all that are proposed."""
    await tx.execute(delete(table).where(table.c.state == "proposed"))
    here = await _still_there(tx, {one for proposal in found for one in proposal.conversations})
    for proposal in found:
        if not here.issuperset(proposal.conversations):
            continue  # a customer was erased meanwhile
        draft_id = new_id()
        row = {"id": draft_id, "state": "proposed", "created_at": now()}
        row |= {name: getattr(proposal, name) for name in _OWN}
        await tx.insert(table, [row])
        pairs = [{"draft_id": draft_id, "conversation_id": one} for one in proposal.conversations]
        await tx.insert(sources, pairs)


_OWN = ("title", "body", "customers", "best_score", "best_title")


async def _still_there(tx: Transaction, wanted: Collection[UUID]) -> set[UUID]:
    rows = await tx.all(select(conversations.c.id).where(conversations.c.id.in_(wanted)))
    return {row["id"] for row in rows}


async def list_drafts(tx: Transaction, *states: DraftState) -> list[ArticleDraft]:
    """Drafts in these states, those of most customers first."""
    rows = await tx.all(
        select(table).where(table.c.state.in_(states)).order_by(table.c.customers.desc(), table.c.created_at)
    )
    wanted = sources.c.draft_id.in_([row["id"] for row in rows])
    made_of: dict[UUID, list[UUID]] = {row["id"]: [] for row in rows}
    for pair in await tx.all(select(sources).where(wanted).order_by(sources.c.conversation_id)):
        made_of[pair["draft_id"]].append(pair["conversation_id"])
    return [build(ArticleDraft, row, table, conversations=tuple(made_of[row[table.c.id]])) for row in rows]


async def decide(
    tx: Transaction, draft_id: UUID, state: DraftState, *, by: UUID, article_id: UUID | None = None
) -> None:
    """Approve or dismiss a draft; raises NotFound, and Conflict where that was done already."""
    row = await tx.first(select(table.c.state).where(table.c.id == draft_id).with_for_update())
    if row is None:
        raise NotFound("no such draft")
    if row["state"] != "proposed":
        raise Conflict("this draft was decided already")
    values = {"state": state, "decided_by": by, "decided_at": now(), "article_id": article_id}
    await tx.execute(update(table).where(table.c.id == draft_id).values(**values))


async def forget(tx: Transaction, customer_id: UUID) -> None:
    """Before a customer is erased: what is proposed with their help goes, what was decided loses its text."""
    theirs = select(conversations.c.id).where(conversations.c.customer_id == customer_id)
    touched = table.c.id.in_(select(sources.c.draft_id).where(sources.c.conversation_id.in_(theirs)))
    await tx.execute(delete(table).where(touched, table.c.state == "proposed"))
    await tx.execute(update(table).where(touched).values(title="", body=""))
