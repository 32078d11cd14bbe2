"""Drafts of a candidate in shadow: kept beside the message, and measured once it is known what was sent.

A moment is a customer's message for which the champion's suggestion was decided by an agent, whose answer
follows it directly. Knows no model and no verdict.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, text, update

from storage.records import HEAVY_EDIT
from storage.rows import build
from storage.schema import candidates, messages, suggestions
from storage.schema_admin import shadow_drafts as table
from storage.stamps import now
from storage.transaction import Transaction

SHOWN = 3
"""Suggestions that an agent sees; of more drafts none is compared."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A moment that is to be measured: what was sent, and what either version had drafted, best first."""

    stage_id: UUID
    message_id: UUID
    sent: str
    candidate: tuple[str, ...]
    champion: tuple[str, ...]
    own: bool
    """The agent wrote their own words: no draft was sent as it was or lightly edited."""


@dataclass(frozen=True, slots=True)
class Nearness:
    """How near the best of three drafts and the first one came to what was sent; 0 without a draft."""

    candidate_best: float
    candidate_first: float
    champion_best: float
    champion_first: float


@dataclass(frozen=True, slots=True)
class Moment:
    """A measured moment."""

    conversation_id: UUID
    own: bool
    nearness: Nearness


async def add(
    tx: Transaction,
    *,
    stage_id: UUID,
    message_id: UUID,
    conversation_id: UUID,
    drafts: Sequence[str],
    latency_ms: float,
) -> None:
    """Keep what a candidate drafted, best first. Raises NotFound where the message was erased meanwhile."""
    row = {
        "stage_id": stage_id,
        "message_id": message_id,
        "conversation_id": conversation_id,
        "drafts": list(drafts[:SHOWN]),
        "latency_ms": latency_ms,
        "created_at": now(),
    }
    await tx.insert_new(table, row)


async def waiting(tx: Transaction, stage_id: UUID, *, limit: int = 50) -> list[Waiting]:
    """Moments of a stage that can be measured and have not been, oldest first."""
    said = messages.alias()
    following = (
        select(func.min(said.c.seq))
        .where(said.c.conversation_id == suggestions.c.conversation_id)
        .where(said.c.seq > suggestions.c.based_on_seq)
        .where(said.c.kind.in_(["customer", "agent", "bot"]))
        .scalar_subquery()
    )
    answered = (
        select(table, suggestions.c.id, messages.c.text)
        .join(suggestions, suggestions.c.message_id == table.c.message_id)
        .join(messages, messages.c.conversation_id == suggestions.c.conversation_id)
        .where(table.c.stage_id == stage_id, text("shadow_drafts.measured_at IS NULL"))
        .where(
            suggestions.c.state == "decided", suggestions.c.decision.in_(["suggest", "hand_off", "silent"])
        )
        .where(messages.c.seq == following, messages.c.kind == "agent")
        .order_by(table.c.created_at, table.c.message_id)
        .limit(limit)
    )
    return [await _with_drafts(tx, row) for row in await tx.all(answered)]


async def _with_drafts(tx: Transaction, row: Any) -> Waiting:
    shown = candidates.c.suggestion_id == row[suggestions.c.id]
    drafts = await tx.all(select(candidates).where(shown).order_by(candidates.c.position).limit(SHOWN))
    taken = [
        one
        for one in drafts
        if one["outcome"] == "accepted" or (one["outcome"] == "edited" and one["edit_distance"] < HEAVY_EDIT)
    ]
    return Waiting(
        row[table.c.stage_id],
        row[table.c.message_id],
        row[messages.c.text],
        tuple(row[table.c.drafts]),
        tuple(one["text"] for one in drafts),
        own=not taken,
    )


async def measured(tx: Transaction, one: Waiting, nearness: Nearness) -> None:
    """Keep how near both came; again is as once."""
    of_it = update(table).where(table.c.stage_id == one.stage_id, table.c.message_id == one.message_id)
    values = {name: getattr(nearness, name) for name in Nearness.__slots__}
    await tx.execute(of_it.values(measured_at=now(), own=one.own, **values))


async def moments(tx: Transaction, stage_id: UUID) -> list[Moment]:
    """The measured moments of a stage, oldest first."""
    found = select(table).where(table.c.stage_id == stage_id, table.c.measured_at.is_not(None))
    rows = await tx.all(found.order_by(table.c.created_at, table.c.message_id))
    return [Moment(row["conversation_id"], row["own"], build(Nearness, row, table)) for row in rows]


async def drafted(tx: Transaction, stage_id: UUID) -> int:
    """How many messages a candidate has drafted for in shadow."""
    return int(await tx.scalar(select(func.count()).where(table.c.stage_id == stage_id)))
