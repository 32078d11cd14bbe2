"""What the api answers about articles drafted from conversations. Pure shapes."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from bot.api.routing import Shape


class DraftSearch(Shape):
    """The latest search: where it is, `done` of `of` while it reads; the counts are there when it is done.

    Of `groups` of alike questions some are `answered` by an article, some were decided on before (`known`).
    """

    state: Literal["running", "done", "failed"]
    started_at: datetime
    said_at: datetime
    stage: str | None
    done: int | None
    of: int | None
    conversations: int | None
    groups: int | None
    answered: int | None
    known: int | None
    error: str | None


class ArticleDraft(Shape):
    """A draft with the conversations it was made of, and the article that came nearest."""

    id: UUID
    title: str
    slug: str
    body: str
    conversations: list[UUID]
    customers: int
    best_score: float | None
    best_title: str | None


class ArticleDrafts(Shape):
    """What is proposed, and the search that proposed it."""

    search: DraftSearch | None
    items: list[ArticleDraft]
