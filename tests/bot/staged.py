"""A house with a candidate beside its champion: real serving, rows and registry, fake brains."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bot.brains import Brains
from bot.conversation import Conversation
from bot.messages import Actor, Inbound
from bot.new_intents import NewIntents
from bot.policy import Policy
from bot.promotion import Promotion
from bot.settings import Settings
from bot.stages import Stages
from nlp.errors import ModelError
from nlp.registry import Registry
from nlp.serving import Serving
from storage import audit, conversations, stages, suggestions
from storage.records import AuditEntry, Stage
from tests.bot.house import House
from tests.fakes import FakeBrain, draft, until

ADA = Actor("ada@example.com")
CHAMPION, CANDIDATE = "fake-1", "2026-11-29-1"
ASKED = "Where is my order?"


@dataclass
class Shelf:
    """Loads brains in this order; an exception is a version that can't be loaded."""

    brains: list[FakeBrain | Exception] = field(default_factory=list)

    def __call__(self) -> FakeBrain:
        """The next one."""
        given = self.brains.pop(0)
        if isinstance(given, Exception):
            raise given
        return given


@dataclass
class Tried:
    """What a test of a stage touches."""

    house: House
    serving: Serving
    brains: Brains
    promotion: Promotion
    stages: Stages
    shelf: Shelf
    champion: FakeBrain
    candidate: FakeBrain

    async def asks(self, champion: str = "", candidate: str = "", text: str = ASKED) -> Any:
        """A new customer writes, and both answer so; what was stored."""
        house = self.house
        if champion:
            self.champion.answers.append([draft(champion)])
        if candidate:
            self.candidate.answers.append([draft(candidate)])
        customer = await house.db.write(
            lambda tx: conversations.create_customer(tx, display_name="", token_hash=None, locale="en")
        )
        key = f"c-{next(house.numbers)}"
        received = await house.conversation.receive(Inbound("web", customer.id, text, key))
        await house.work()
        await self.quiet()
        return received

    async def quiet(self) -> None:
        """Until nothing is drafted on the side any more."""
        await until(lambda: not self.stages._shadow._drafting)

    async def answers(self, received: Any, text: str, position: int | None = None) -> None:
        """An agent sends this, with the draft at `position` under it, or their own words."""
        house, here = self.house, received.conversation.id
        async with house.db.read() as tx:
            shown = await suggestions.open_suggestion(tx, here)
        await house.conversation.reply(
            here,
            house.agent,
            text,
            f"a-{next(house.numbers)}",
            suggestion_id=None if position is None or shown is None else shown.id,
            position=position,
        )

    async def moments(self, count: int, champion: str, candidate: str, sent: str) -> None:
        """So many conversations in which an agent writes their own words."""
        for _ in range(count):
            await self.answers(await self.asks(champion, candidate), sent)

    async def stage(self) -> Stage | None:
        """The stage that runs."""
        async with self.house.db.read() as tx:
            return await stages.running(tx)

    async def last(self) -> Stage:
        """The newest stage."""
        async with self.house.db.read() as tx:
            return (await stages.list_stages(tx))[0]

    async def log(self) -> list[AuditEntry]:
        """The audit log, oldest first."""
        async with self.house.db.read() as tx:
            return list(reversed(await audit.entries(tx, limit=50)))


@asynccontextmanager
async def tried(
    house: House, folder: Path, *more: FakeBrain | Exception, **settings: Any
) -> AsyncIterator[Tried]:
    """A house whose champion serves, and a published candidate; every message is of the shadow's share."""
    given = Settings(data_dir=folder, **{"shadow_percent": 100, "canary_percent": 50} | settings)
    publish(folder, CANDIDATE)
    champion, candidate = FakeBrain(CHAMPION), FakeBrain(CANDIDATE)
    shelf = Shelf([champion, *(more or (candidate,))])
    serving = Serving()
    named = NewIntents(house.db, serving)
    brains = Brains(house.db, given, serving, named, load_brain=shelf, demo=False)
    promotion = Promotion(house.db, given, brains)
    await brains.load()
    running = Stages(house.db, given, serving, brains, promotion)
    house.conversation = Conversation(house.db, serving, Policy(), house.live, running)
    try:
        yield Tried(house, serving, brains, promotion, running, shelf, champion, candidate)
    finally:
        await running.close()
        await house.conversation.close()
        await brains.close()
        await named.close()
        await serving.close()


def publish(folder: Path, name: str) -> None:
    """A version that the gate let through; nothing in it can be loaded but by a fake."""
    made = folder / "made"
    made.mkdir(exist_ok=True)
    (made / "note.json").write_text("{}")
    if name not in Registry(folder / "models").names():
        Registry(folder / "models").publish(name, made, {"gate": {"passed": True, "reasons": []}})


def unloadable() -> Exception:
    """What a damaged version raises."""
    return ModelError("reply/model.safetensors is damaged")
