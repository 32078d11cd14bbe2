"""What the api answers about candidates between the gate and promotion: their stage and its figures.

Pure shapes.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from bot.api.routing import Shape


class Compared(Shape):
    """Candidate against champion: means of nearness 0..1 over moments, the gain with its 95 % interval."""

    moments: int
    conversations: int
    champion: float
    candidate: float
    mean: float | None
    low: float | None
    high: float | None
    verdict: Literal["better", "not worse", "worse", "too few"]
    said: str
    missing: int


class Point(Shape):
    """The gain as it stood after so many moments."""

    moments: int
    mean: float
    low: float
    high: float


class Shadow(Shape):
    """How a candidate stands in shadow; the verdict is that of `own`, where agents wrote their own words."""

    drafted: int
    own: Compared
    own_first: Compared
    every: Compared
    every_first: Compared
    course: list[Point]


class Arm(Shape):
    """What agents made of one version's drafts: the share taken, with its 95 % interval.

    `slowest` is what the slowest twentieth of its messages takes at least, in seconds; null with too few.
    """

    version: str
    conversations: int
    decisions: int
    taken: int
    share: float
    low: float
    high: float
    slowest: float | None


class Canary(Shape):
    """How a canary stands beside its champion, and how many decisions make it ready."""

    candidate: Arm
    champion: Arm
    enough: int
    said: str


class StageItem(Shape):
    """One stage; `next_look` is at how many cases it is judged next, `ready` that it may go on."""

    id: UUID
    kind: Literal["shadow", "canary"]
    version: str
    champion: str
    percent: float
    state: Literal["running", "passed", "returned", "stopped"]
    reason: str | None
    next_look: int
    errors: int
    ready: bool
    created_at: datetime
    ended_at: datetime | None


class Stage(Shape):
    """One stage."""

    stage: StageItem


class Stages(Shape):
    """The stage that runs with its figures, and the latest ones that ended, newest first.

    `loaded` says whether this node has the candidate loaded, `megabytes` how large its files are.
    """

    running: StageItem | None
    loaded: bool
    megabytes: float | None
    shadow: Shadow | None
    canary: Canary | None
    ended: list[StageItem]
