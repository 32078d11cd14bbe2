"""What the api answers about automatic replies: how things stand, and replies to review. Pure shapes."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from bot.api.routing import Shape


class Point(Shape):
    """What would happen if drafts from a score on went out alone; shares are 0..1.

    `coverage` is of all messages; `rate` and the 95 % upper `bound` are of wrong ones among `reviewed`.
    """

    threshold: float
    reviewed: int
    errors: int
    coverage: float
    rate: float
    bound: float


class Choice(Shape):
    """A rate that may be tolerated: the point it leads to, or how many reviewed suggestions are missing."""

    percent: int
    point: Point | None
    missing: int
    why: str


class Reviews(Shape):
    """How many of the serving version's sampled replies were judged, and how many wait."""

    right: int
    wrong: int
    waiting: int


class Automatic(Shape):
    """How things stand with automatic replies of the serving version; a floor only while it is on."""

    mode: Literal["off", "draft", "automatic"]
    tolerated: int | None
    version: str | None
    state: Literal["off", "waiting", "on", "stopped"]
    why: str
    floor: float | None
    coverage: float | None
    reviewed: int
    errors: int
    choices: list[Choice]
    curve: list[Point]
    reviews: Reviews
    review_percent: int


class Said(Shape):
    """A message before the reply that is reviewed."""

    kind: Literal["customer", "agent", "bot"]
    text: str
    at: datetime


class Review(Shape):
    """A reply that went out alone, with what was said before it, oldest first."""

    id: UUID
    conversation_id: UUID
    reply: str
    at: datetime
    score: float
    before: list[Said]


class WaitingReviews(Shape):
    """Replies to review, oldest first."""

    items: list[Review]
