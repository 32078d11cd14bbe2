"""The learning curve for admins: what became of suggestions, by day and version, and by intent.

Sums come from storage; here they become shares with intervals, and a window of recent days that moves
along each version's curve. Knows no drawing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any

from aiohttp import web
from pydantic import Field

from bot.api import errors, shapes_learning
from bot.api.callers import ADMINS
from bot.api.routing import Call, NoBody, Query, Routes, SafeStr, answer
from bot.api.services import services
from nlp.shares import of_share
from storage import learning
from storage.learning import Boundary, DayTally, Tally

routes = Routes()

RECENT = 7
"""Days that a point of the curve stands for: one day alone has few suggestions, and a weekend none."""


class Window(Query):
    """How many days up to today (UTC), and which intent alone."""

    days: Annotated[int, Field(ge=1, le=730)] = 90
    intent: Annotated[SafeStr, Field(max_length=100)] | None = None


@routes.route(
    "GET",
    "/api/admin/learning",
    access=ADMINS,
    summary="What became of suggestions",
    query=Window,
    responses={200: shapes_learning.Learning},
)
async def read_learning(call: Call[NoBody, Window]) -> web.StreamResponse:
    """By day and version, by intent, and when versions changed; 422 for an intent that did not occur."""
    asked = call.query
    until = datetime.now(UTC).date()
    since = until - timedelta(days=asked.days - 1)
    begin = datetime.combine(since, time(), UTC)
    async with services(call.request).db.read() as tx:
        by_intent = await learning.by_intent(tx, since=begin)
        if asked.intent is not None and asked.intent not in by_intent:
            raise errors.Invalid("No message of these days had this intent.")
        rows = await learning.by_day(tx, since=begin, intent=asked.intent)
        known = await learning.boundaries(tx)
    return answer(
        {
            "since": since.isoformat(),
            "until": until.isoformat(),
            "days": asked.days,
            "recent_days": RECENT,
            "intent": asked.intent,
            "total": _view(_sum(row.tally for row in rows)),
            "points": _points(rows),
            "intents": [{"intent": name, "counts": _view(by_intent[name])} for name in sorted(by_intent)],
            "boundaries": _boundaries(rows, known, since),
        }
    )


def _points(rows: Sequence[DayTally]) -> list[dict[str, Any]]:
    points = []
    for row in rows:
        first = row.day - timedelta(days=RECENT - 1)
        near = (r.tally for r in rows if r.version == row.version and first <= r.day <= row.day)
        points.append(
            {
                "day": row.day.isoformat(),
                "version": row.version,
                "counts": _view(row.tally),
                "recent": _view(_sum(near)),
            }
        )
    return points


def _sum(tallies: Iterable[Tally]) -> Tally:
    values: dict[str, Any] = asdict(Tally())
    for one in tallies:
        values = {name: value + getattr(one, name) for name, value in values.items()}
    return Tally(**values)


def _view(tally: Tally) -> dict[str, Any]:
    decided = tally.accepted + tally.edited + tally.rejected + tally.ignored
    acceptance = tally.accepted / decided if decided else None
    low, high = of_share(acceptance or 0.0, decided)
    every = tally.shown + tally.silent + tally.automatic
    return {
        **asdict(tally),
        "acceptance": acceptance,
        "low": low,
        "high": high,
        "edit_distance": tally.edit_distance / tally.edited if tally.edited else None,
        "coverage": tally.automatic / every if every else None,
    }


def _boundaries(rows: Sequence[DayTally], known: Sequence[Boundary], since: date) -> list[dict[str, Any]]:
    """Versions by the first day on which they suggested; the one that served before the window has none."""
    began: dict[str, date] = {}
    for row in rows:
        if row.tally.shown or row.tally.automatic:
            began.setdefault(row.version, row.day)
    states = {one.version: one.state for one in known}
    made = {one.version: one.created_at.date() for one in known}
    earliest = min(began.values(), default=since)
    marks = [
        {"version": version, "at": day.isoformat(), "state": states.get(version)}
        for version, day in began.items()
        if day > earliest or made.get(version, since) >= day
    ]
    quiet = [
        {"version": version, "at": day.isoformat(), "state": states[version]}
        for version, day in made.items()
        if version not in began and day >= since
    ]
    return sorted([*marks, *quiet], key=lambda mark: (mark["at"] or "", mark["version"] or ""))
