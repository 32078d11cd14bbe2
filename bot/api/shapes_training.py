"""What the api answers about training and models. Published in /openapi.json and checked in the tests.

Pure shapes.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from bot.api.routing import Shape


class RunItem(Shape):
    """A round of training."""

    id: UUID
    state: Literal["queued", "running", "published", "refused", "failed"]
    options: dict[str, Any]
    requested_by: UUID | None
    version: str | None
    report: dict[str, Any]
    error: str | None
    progress: dict[str, Any] | None
    cancelled: bool
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


class Run(Shape):
    """One round."""

    run: RunItem


class Schedule(Shape):
    """When rounds begin by themselves; hours are those of the server's clock, weekday 0 is Monday."""

    when: Literal["off", "nightly", "weekly"]
    hour: int
    weekday: int
    after_reviewed: int | None
    minutes: float
    promote: Literal["ask", "shadow", "stages", "gate"]
    since: str


class Training(Shape):
    """Rounds, newest first, the schedule, its next time, and conversations reviewed since the last round."""

    items: list[RunItem]
    schedule: Schedule
    next: datetime | None
    reviewed: int


class VersionItem(Shape):
    """A model version."""

    version: str
    state: Literal["candidate", "live", "retired", "refused"]
    parent: str | None
    metrics: dict[str, Any]
    reason: str | None
    tainted: bool
    created_at: datetime
    changed_at: datetime


class Version(Shape):
    """One version."""

    version: VersionItem


class Models(Shape):
    """Versions, newest first, and the one that this node serves."""

    items: list[VersionItem]
    serving: str | None


class Report(Shape):
    """A version, and what its report draws."""

    version: VersionItem
    plots: dict[str, Any]
