"""The learning curve: what became of suggestions, by day and model version, and by intent.

Grouped in SQL over a window of days, so the answer has a row for each day and version however many
suggestions there are. A suggestion has one fate: accepted, edited, rejected or ignored by an agent, silent
(nothing was shown), answered by the bot itself, or undecided. Knows no model and no interval.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, and_, case, func, or_, select

from storage.rows import build
from storage.schema import analyses, candidates, suggestions
from storage.schema_admin import model_versions
from storage.transaction import Transaction

_BLANKS: Final = " \t\r\n"
"""What a sent text is freed of at both ends before it is compared."""


@dataclass(frozen=True, slots=True)
class Tally:
    """How many suggestions ended how. An agent decided `accepted + edited + rejected + ignored` of them.

    `shown` counts those that agents saw, the undecided included. `edit_distance` is the sum of the edited
    ones' normalised distances. `saved` of the `sent` characters were not typed: a sent text has as many as
    it is long less its Levenshtein distance from the draft, and not below none.
    """

    shown: int = 0
    accepted: int = 0
    edited: int = 0
    rejected: int = 0
    ignored: int = 0
    silent: int = 0
    automatic: int = 0
    edit_distance: float = 0.0
    saved: int = 0
    sent: int = 0


@dataclass(frozen=True, slots=True)
class DayTally:
    """A day (UTC) of one version's suggestions."""

    day: date
    version: str
    tally: Tally


@dataclass(frozen=True, slots=True)
class Boundary:
    """A model version as it may be named at the curve; `changed_at` is when its state last changed."""

    version: str
    state: str
    created_at: datetime
    changed_at: datetime


async def by_day(tx: Transaction, *, since: datetime, intent: str | None = None) -> list[DayTally]:
    """Suggestions made from `since` on, by day and version, oldest first; of one intent where it is given."""
    fates = _fates(tx, since, intent).subquery()
    keys = (fates.c.day, fates.c.model_version)
    rows = await tx.all(select(*keys, *_sums(fates.c)).group_by(*keys).order_by(*keys))
    return [DayTally(_date(row["day"]), row["model_version"], _tally(row)) for row in rows]


async def by_intent(tx: Transaction, *, since: datetime) -> dict[str, Tally]:
    """Suggestions made from `since` on, by the intent of the message; "" where it was never read."""
    fates = _fates(tx, since, None).subquery()
    rows = await tx.all(select(fates.c.intent, *_sums(fates.c)).group_by(fates.c.intent))
    return {row["intent"] or "": _tally(row) for row in rows}


async def boundaries(tx: Transaction, *, limit: int = 100) -> list[Boundary]:
    """The newest versions that were ever live, oldest first."""
    served = select(model_versions).where(model_versions.c.state.in_(["live", "retired"]))
    rows = await tx.all(served.order_by(model_versions.c.created_at.desc()).limit(limit))
    return [build(Boundary, row, model_versions) for row in reversed(rows)]


def _fates(tx: Transaction, since: datetime, intent: str | None) -> Select[Any]:
    """One row for each suggestion: its day, version and intent, and what its candidates came to."""
    draft = candidates.c
    sent = case((draft.outcome.in_(["accepted", "edited"]), _length(draft.final_text)), else_=0)
    rows = (
        select(
            _day(tx).label("day"),
            suggestions.c.model_version,
            suggestions.c.decision,
            analyses.c.intent,
            func.count(draft.position).label("drafts"),
            *(_any(draft.outcome == one).label(one) for one in ("accepted", "edited", "rejected", "ignored")),
            func.sum(case((draft.outcome == "edited", draft.edit_distance), else_=0.0)).label("distance"),
            func.sum(sent).label("sent"),
            func.sum(_saved(sent)).label("saved"),
        )
        .outerjoin(candidates, draft.suggestion_id == suggestions.c.id)
        .outerjoin(analyses, analyses.c.message_id == suggestions.c.message_id)
        .where(suggestions.c.created_at >= since)
        .group_by(suggestions.c.id, analyses.c.intent)
    )
    return rows if intent is None else rows.where(analyses.c.intent == intent)


def _day(tx: Transaction) -> ColumnElement[Any]:
    """The day in UTC; SQLite keeps times in UTC already."""
    at = suggestions.c.created_at
    return func.date(at) if tx.dialect == "sqlite" else func.date(func.timezone("UTC", at))


def _date(day: date | str) -> date:
    return date.fromisoformat(day) if isinstance(day, str) else day


def _length(words: ColumnElement[str]) -> ColumnElement[int]:
    return func.length(func.trim(words, _BLANKS))


def _any(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.max(case((condition, 1), else_=0))


def _saved(sent: ColumnElement[int]) -> ColumnElement[Any]:
    """Characters that were not typed: the ledger has the distance as a share of the longer text."""
    drafted = _length(candidates.c.text)
    longer = case((drafted > sent, drafted), else_=sent)
    kept = sent - func.round(func.coalesce(candidates.c.edit_distance, 0.0) * longer)
    return case((and_(sent > 0, kept > 0), kept), else_=0)


def _sums(fate: Any) -> Sequence[ColumnElement[Any]]:
    answered = and_(fate.decision == "answer", or_(fate.accepted == 1, fate.edited == 1))
    shown = and_(fate.decision.in_(["suggest", "hand_off"]), fate.drafts > 0)
    accepted = and_(shown, fate.accepted == 1)
    edited = and_(shown, fate.accepted == 0, fate.edited == 1)
    unsent = and_(shown, fate.accepted == 0, fate.edited == 0)
    ended = {
        "shown": shown,
        "accepted": accepted,
        "edited": edited,
        "rejected": and_(unsent, fate.rejected == 1),
        "ignored": and_(unsent, fate.rejected == 0, fate.ignored == 1),
        "silent": and_(fate.decision != "answer", ~shown),
        "automatic": answered,
    }
    typed = {"edit_distance": fate.distance, "saved": fate.saved, "sent": fate.sent}
    counts = [func.sum(case((met, 1), else_=0)).label(name) for name, met in ended.items()]
    by_agents = or_(accepted, edited)
    return counts + [func.sum(case((by_agents, value), else_=0)).label(name) for name, value in typed.items()]


def _tally(row: Any) -> Tally:
    """Sums come as decimals from PostgreSQL."""
    values: dict[str, Any] = {entry.name: int(row[entry.name]) for entry in fields(Tally)}
    return Tally(**values | {"edit_distance": float(row["edit_distance"])})
