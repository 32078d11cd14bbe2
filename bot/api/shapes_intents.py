"""What the api answers about intents that were found and named. Pure shapes."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from bot.api.routing import Shape


class Search(Shape):
    """The latest search; the counts are there when it is done."""

    state: Literal["running", "done", "failed"]
    started_at: str
    finished_at: str | None
    conversations: int | None
    unsure: int | None
    grouped: int | None
    error: str | None


class Group(Shape):
    """Messages that ask for the same, with a proposed name; `cohesion` is their mean cosine."""

    key: str
    name: str
    size: int
    cohesion: float
    keywords: list[str]
    examples: list[str]


class NamedIntent(Shape):
    """An intent that an admin has named; `count` messages are its examples."""

    id: UUID
    name: str
    count: int
    examples: list[str]
    updated_at: datetime


class Intents(Shape):
    """What was found and what is named."""

    search: Search | None
    groups: list[Group]
    named: list[NamedIntent]
