"""What the api answers about what became of suggestions, and about an erasure. Pure shapes."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from bot.api.routing import Shape


class Tally(Shape):
    """How many suggestions ended how, and shares of it.

    `acceptance` is the share sent unchanged of those that an agent decided, with Wilson's interval;
    `edit_distance` the mean of the edited ones, 0 to 1; `saved` of `sent` characters were not typed;
    `coverage` the share that the bot answered by itself. A share of nothing is null.
    """

    shown: int
    accepted: int
    edited: int
    rejected: int
    ignored: int
    silent: int
    automatic: int
    saved: int
    sent: int
    acceptance: float | None
    low: float
    high: float
    edit_distance: float | None
    coverage: float | None


class Point(Shape):
    """A day (UTC) of one version: counts of the day, and shares over `days` up to it."""

    day: date
    version: str
    counts: Tally
    recent: Tally


class OfIntent(Shape):
    """An intent in the whole window; "" stands for messages that were never read."""

    intent: str
    counts: Tally


class Boundary(Shape):
    """When a version began to serve, as far as the window shows it."""

    version: str
    at: date
    state: str | None


class Learning(Shape):
    """What became of suggestions in a window of days."""

    since: date
    until: date
    days: int
    recent_days: int
    intent: str | None
    total: Tally
    points: list[Point]
    intents: list[OfIntent]
    boundaries: list[Boundary]


class Erasure(Shape):
    """What went: rows by table, drafts of others that cited them, files, versions; and the clean round."""

    rows: dict[str, int]
    drafts_of_others: int
    files_removed: list[str]
    tainted: list[str]
    run: UUID | None
    again: bool
