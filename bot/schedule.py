"""When a round of training is due: by the clock, or by what agents have reviewed since the last one. Pure.

A round that was missed, because nothing ran at its hour, is caught up once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

When = Literal["off", "nightly", "weekly"]
Promote = Literal["ask", "shadow", "stages", "gate"]
SCHEDULE_KEY = "training.schedule"
"""The setting that holds what an admin has chosen."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """What an admin has chosen; hours are those of the server's clock."""

    when: When = "off"
    hour: int = 2
    weekday: int = 6
    """Of a weekly round: 0 is Monday."""
    after_reviewed: int | None = None
    """Also after so many conversations with a reviewed suggestion."""
    minutes: float = 45.0
    """How long a round may take."""
    promote: Promote = "ask"
    """What becomes of a version that the gate lets through: it waits for an admin ("ask"), is tried in shadow
    and then waits, goes through all stages and then live by itself, or goes live at once ("gate")."""
    since: str = ""
    """When this was chosen, ISO 8601: hours before it were never missed."""

    @classmethod
    def of(cls, stored: Mapping[str, Any] | None) -> Schedule:
        """From its row in the settings."""
        return cls(**stored) if stored else cls()

    @property
    def chosen_at(self) -> datetime | None:
        """When this was chosen."""
        return datetime.fromisoformat(self.since) if self.since else None

    def told(self) -> dict[str, Any]:
        """As its row in the settings."""
        return asdict(self)


def due(schedule: Schedule, last: datetime | None, reviewed: int, now: datetime) -> str | None:
    """Why a round is due now; None where none is. `last` is when the last one was asked for; aware times."""
    if schedule.after_reviewed is not None and reviewed >= schedule.after_reviewed:
        return f"{reviewed} conversations reviewed"
    if schedule.when == "off":
        return None
    before = [time for time in (last, schedule.chosen_at) if time is not None]
    slot = latest_slot(schedule, now)
    return schedule.when if all(time < slot for time in before) else None


def latest_slot(schedule: Schedule, now: datetime) -> datetime:
    """The last time up to now at which a round was to begin."""
    slot = now.replace(hour=schedule.hour, minute=0, second=0, microsecond=0)
    if schedule.when == "weekly":
        slot -= timedelta(days=(slot.weekday() - schedule.weekday) % 7)
    step = timedelta(days=7 if schedule.when == "weekly" else 1)
    return slot if slot <= now else slot - step


def next_slot(schedule: Schedule, now: datetime) -> datetime | None:
    """The next time at which a round begins by the clock."""
    if schedule.when == "off":
        return None
    return latest_slot(schedule, now) + timedelta(days=7 if schedule.when == "weekly" else 1)
