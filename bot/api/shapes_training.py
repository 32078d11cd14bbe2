"""What the api answers about training and models. Published in /openapi.json and checked in the tests.

Pure shapes.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar, Literal
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


class ComparedTurn(Shape):
    """One turn of a conversation."""

    role: Literal["customer", "agent"]
    text: str


class ComparedDraft(Shape):
    """A draft, and how near it is to what was really sent: the cosine of their sentence vectors, 0 to 1."""

    text: str
    source: Literal["generated", "reply", "article"]
    score: float
    unfilled: list[str]
    similarity: float


class ComparedMoment(Shape):
    """What two versions would have drafted, best first, where an agent wrote `reply`.

    `read_by` are the versions that have read this conversation in their training.
    """

    conversation_id: UUID
    at: datetime
    turns: list[ComparedTurn]
    reply: str
    read_by: list[str]
    left: list[ComparedDraft]
    right: list[ComparedDraft]
    closer: Literal["left", "right", "equal"]


class ComparisonLine(Shape):
    """A line of a comparison.

    "working" says what is being done, again every second; "moment" brings one, "done" whether there are more
    and how many past replies the drafts could not lean on yet, "failed" why it ended before its time.
    """

    media: ClassVar[str] = "application/x-ndjson"
    kind: Literal["working", "moment", "done", "failed"]
    doing: str = ""
    done: int = 0
    total: int = 0
    moment: ComparedMoment | None = None
    more: bool = False
    unread: int = 0
    said: str = ""
