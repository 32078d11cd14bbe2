"""What became of one version's suggestions since a time, message by message. Knows no version and no test."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import and_, case, func, or_, select

from storage.records import SMALL_EDIT
from storage.schema import candidates as drafts
from storage.schema import suggestions as table
from storage.transaction import Transaction

MOST: Final = 20_000
"""Suggestions that are looked at, the newest."""


@dataclass(frozen=True, slots=True)
class Served:
    """One message's suggestion: `taken` where an agent sent a draft as it was or all but.

    A message for which there was no draft counts as decided, too: nothing could be taken.
    """

    conversation_id: UUID
    decided: bool
    taken: bool
    drafted: bool
    latency_ms: float


async def served(tx: Transaction, model_version: str, *, since: datetime) -> list[Served]:
    """What became of a version's suggestions; those that went out alone or that nobody saw are left out."""
    lightly = and_(drafts.c.outcome == "edited", drafts.c.edit_distance <= SMALL_EDIT)
    taken = func.max(case((or_(drafts.c.outcome == "accepted", lightly), 1), else_=0))
    rows = await tx.all(
        select(
            table.c.conversation_id,
            table.c.state,
            table.c.latency_ms,
            taken.label("taken"),
            func.count(drafts.c.position).label("drafts"),
        )
        .outerjoin(drafts, drafts.c.suggestion_id == table.c.id)
        .where(table.c.model_version == model_version, table.c.created_at >= since)
        .where(table.c.decision.in_(["suggest", "hand_off", "silent"]))
        .group_by(table.c.id)
        .order_by(table.c.created_at.desc(), table.c.id.desc())
        .limit(MOST)
    )
    return [
        Served(
            row["conversation_id"],
            decided=row["state"] == "decided",
            taken=bool(row["taken"]),
            drafted=row["drafts"] > 0,
            latency_ms=row["latency_ms"],
        )
        for row in rows
    ]
