"""Business hours: is somebody there, and what an honest sentence says while nobody is.

Pure: a moment in, a sentence out, no clock. Knows no conversation, no channel and no setting's row.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
SENTENCE = "We are closed at the moment. A colleague will answer {when}."
"""What customers read while nobody is there, unless an admin has put it otherwise."""

_NAMES = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = ("January February March April May June July August September October November December").split()
_LOOK_AHEAD = 370
"""Days; who is closed for longer gives no day."""


@dataclass(frozen=True, slots=True)
class Away:
    """The sentence of a moment, and a key under which it is said once in a conversation."""

    text: str
    key: str


@dataclass(frozen=True, slots=True)
class Hours:
    """When somebody is there, in the shop's own time."""

    zone: ZoneInfo
    week: tuple[tuple[tuple[int, int], ...], ...]
    """Seven days from Monday; each has its spans as minutes since midnight, in order."""
    closed_on: frozenset[date] = frozenset()
    sentence: str = SENTENCE

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> Hours:
        """From a stored rule; raises ValueError or KeyError for what is none."""
        week = tuple(tuple(_span(one) for one in stored["week"].get(day, ())) for day in DAYS)
        closed_on = frozenset(date.fromisoformat(one) for one in stored.get("closed_on", ()))
        return cls(ZoneInfo(stored["zone"]), week, closed_on, stored.get("sentence") or SENTENCE)

    def away(self, now: datetime) -> Away | None:
        """What a customer who writes now should know; None while somebody is there."""
        if self._open_until(now) is not None:
            return None
        opens = self._opens(now)
        text = self.sentence.replace("{when}", self._when(now, opens))
        digest = hashlib.sha256(text.encode()).hexdigest()[:12]
        return Away(text, f"away/{'' if opens is None else opens.date().isoformat()}/{digest}")

    def example(self, now: datetime) -> str:
        """The sentence of now, or of the moment at which we close."""
        away = self.away(now) or self.away(self._open_until(now) or now)
        return "" if away is None else away.text

    def _spans(self, day: date) -> list[tuple[datetime, datetime]]:
        """Beginnings and ends of a day; in UTC, since times of one zone are compared by the wall clock."""
        if day in self.closed_on:
            return []
        return [(self._at(day, begin), self._at(day, end)) for begin, end in self.week[day.weekday()]]

    def _at(self, day: date, minute: int) -> datetime:
        later, rest = divmod(minute, 24 * 60)
        wall = datetime.combine(day + timedelta(days=later), time(rest // 60, rest % 60), self.zone)
        return wall.astimezone(UTC)

    def _open_until(self, now: datetime) -> datetime | None:
        """The end of the span that now is in; a span that goes on after midnight goes on."""
        end: datetime | None = None
        today = now.astimezone(self.zone).date()
        for later in range(8):
            for begin, until in self._spans(today + timedelta(days=later)):
                if begin <= (end or now) < until:
                    end = until
        return end

    def _opens(self, now: datetime) -> datetime | None:
        today = now.astimezone(self.zone).date()
        for later in range(_LOOK_AHEAD):
            for begin, _ in self._spans(today + timedelta(days=later)):
                if begin > now:
                    return begin.astimezone(self.zone)
        return None

    def _when(self, now: datetime, opens: datetime | None) -> str:
        if opens is None:
            return "as soon as possible"
        days = (opens.date() - now.astimezone(self.zone).date()).days
        day = "today" if days == 0 else "tomorrow" if days == 1 else f"on {_NAMES[opens.weekday()]}"
        if days >= 7:
            day += f", {opens.day} {_MONTHS[opens.month - 1]},"
        return f"{day} from {opens.hour}:{opens.minute:02} ({_place(self.zone.key)})"


def _span(text: str) -> tuple[int, int]:
    """Minutes of "09:00-17:30"; raises ValueError."""
    begin, end = (_minute(part) for part in text.split("-"))
    if begin >= end:
        raise ValueError("a span ends after it begins")
    return begin, end


def _minute(text: str) -> int:
    hour, _, minute = text.partition(":")
    return int(hour) * 60 + int(minute)


def _place(key: str) -> str:
    """A zone as customers would call it: "London time"."""
    name = key.rpartition("/")[2].replace("_", " ")
    return name if name == "UTC" else f"{name} time"
