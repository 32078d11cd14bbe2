"""What the routes may use, put together by the composition root. Typed keys, no behaviour."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from aiohttp import web

from bot.api.limits import Limits
from bot.api.metrics import Metrics
from bot.article_drafts import ArticleDrafts
from bot.brains import Brains
from bot.comparison import Comparison
from bot.conversation import Conversation
from bot.intake import Intake
from bot.live import Live
from bot.new_intents import NewIntents
from bot.passwords import Passwords
from bot.promotion import Promotion
from bot.settings import Settings
from bot.stages import Stages
from nlp.serving import Serving
from storage.database import Database


@dataclass(slots=True)
class State:
    """Where the process is in its life; /ready is made of it."""

    brain_ready: bool = False
    brain_failed: bool = False
    draining: bool = False


class OpenSocket(Protocol):
    """A socket that can be ended from outside."""

    owner: str

    def end(self, code: int, reason: str) -> None:
        """Close it soon with this code."""
        ...


@dataclass(frozen=True, slots=True)
class Services:
    """One instance of each, for the whole life of the application."""

    settings: Settings
    db: Database
    conversations: Conversation
    new_intents: NewIntents
    intake: Intake
    article_drafts: ArticleDrafts
    brains: Brains
    promotion: Promotion
    comparison: Comparison
    stages: Stages
    serving: Serving
    live: Live
    passwords: Passwords
    limits: Limits
    metrics: Metrics
    demo: bool
    web_dir: Path
    state: State = field(default_factory=State)
    sockets: set[OpenSocket] = field(default_factory=set)


SERVICES = web.AppKey("services", Services)


def services(request: web.Request) -> Services:
    """The services of the application that serves this request."""
    return request.app[SERVICES]
