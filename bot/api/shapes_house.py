"""What the api answers about the house itself: accounts, sign-ins, runs, articles, prepared replies.

Published in /openapi.json and checked in the tests, as those of shapes.py. Pure shapes.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from bot.api.routing import Shape


class Account(Shape):
    """A member of the support team."""

    id: UUID
    email: str
    name: str
    role: Literal["agent", "admin", "viewer"]
    disabled: bool
    created_at: datetime
    last_signed_in_at: datetime | None
    must_change: bool


class SignedIn(Shape):
    """Who is signed in."""

    account: Account


class Colleague(Shape):
    """Somebody a conversation can be assigned to."""

    id: UUID
    name: str
    role: Literal["agent", "admin"]


class Team(Shape):
    """Colleagues."""

    items: list[Colleague]


class Accounts(Shape):
    """All accounts."""

    items: list[Account]


class NewAccount(Shape):
    """A new or reset account; the password is shown this once where we chose it."""

    account: Account
    password: str | None


class Policy(Shape):
    """How far Deskhand goes by itself."""

    mode: Literal["off", "draft", "automatic"]


class AuditEntry(Shape):
    """Who did what; `said` goes behind the actor's name, `details` are in words."""

    number: int
    at: datetime
    actor_id: UUID | None
    actor: str
    action: str
    subject: str
    said: str
    details: str


class AuditPage(Shape):
    """A page of the audit log, newest first; `next` is the `before` of the page after it, if there is one."""

    items: list[AuditEntry]
    next: int | None


class AuditNames(Shape):
    """What the audit log can be filtered by."""

    actors: list[str]
    actions: list[str]


class CannedReply(Shape):
    """A prepared reply."""

    id: UUID
    shortcut: str
    title: str
    text: str


class CannedReplies(Shape):
    """Prepared replies."""

    items: list[CannedReply]


class Article(Shape):
    """A help article."""

    id: UUID
    slug: str
    title: str
    body: str
    intent: str | None
    updated_at: datetime


class Articles(Shape):
    """Help articles."""

    items: list[Article]
