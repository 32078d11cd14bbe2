"""What the api answers about the shop's own rules, by channel. Pure shapes."""

from __future__ import annotations

from datetime import date
from typing import Literal

from bot.api.routing import Shape

Anger = Literal["never", "very", "upset"]


class Week(Shape):
    """Spans of each day, such as "09:00-17:30"; none where we are closed."""

    mon: list[str]
    tue: list[str]
    wed: list[str]
    thu: list[str]
    fri: list[str]
    sat: list[str]
    sun: list[str]


class Hours(Shape):
    """When somebody is there; `sentence` is None where it is ours."""

    zone: str
    week: Week
    closed_on: list[date]
    sentence: str | None


class ChannelRules(Shape):
    """The rules of a channel; None where it has none of its own."""

    channel: Literal["default", "web", "slack"]
    hours: Hours | Literal["always"] | None
    sensitive: list[str] | None
    languages: list[str] | None
    anger: Anger | None
    example: str | None
    """What a customer reads while nobody is there; None where somebody always is."""
    open: bool


class Shipped(Shape):
    """What holds where no rule is set."""

    sensitive: list[str]
    languages: list[str]
    anger: Anger
    sentence: str


class Rules(Shape):
    """All rules, and what they can be made of."""

    channels: list[ChannelRules]
    shipped: Shipped
    intents: list[str]
    languages: list[str]
