"""A small house for the tests of the spine: a real database, a fake brain, one customer, one agent."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from bot.casefile import FLOORS_KEY, MODE_KEY, TOLERATED_KEY
from bot.conversation import Conversation
from bot.live import AGENTS, Live, Subscription, customer_topic
from bot.messages import Inbound, PolicyMode
from bot.policy import Policy
from storage import accounts, conversations, settings_store, suggestions, work
from storage import records as r
from storage.database import Database
from tests.fakes import FakeBrain, FakeServing


@dataclass
class House:
    """Everything a test of the spine touches."""

    db: Database
    brain: FakeBrain
    serving: FakeServing
    live: Live
    conversation: Conversation
    customer: r.Customer
    agent: r.Account
    console: Subscription
    """Hears what agents hear."""
    widget: Subscription
    """Hears what the customer hears."""
    numbers: itertools.count[int] = field(default_factory=itertools.count)

    async def says(self, text: str, client_msg_id: str | None = None) -> r.Received:
        """The customer writes."""
        key = client_msg_id or f"c-{next(self.numbers)}"
        return await self.conversation.receive(Inbound("web", self.customer.id, text, key))

    async def claim(self, node: str = "test") -> r.WorkItem | None:
        """The next work, if any is due."""
        claimed = await self.db.write(lambda tx: work.claim(tx, limit=1, node=node, lease_seconds=60))
        return claimed[0] if claimed else None

    async def work(self) -> None:
        """Respond to everything that is due."""
        while (item := await self.claim()) is not None:
            await self.conversation.respond(item)

    async def owed(self) -> int:
        """How much work is left."""
        async with self.db.read() as tx:
            return await work.depth(tx)

    async def current(self) -> r.Conversation:
        """The customer's conversation."""
        async with self.db.read() as tx:
            found = await conversations.current_conversation(tx, self.customer.id, "web")
        assert found is not None
        return found

    async def messages(self) -> list[r.Message]:
        """All messages of the conversation."""
        current = await self.current()
        async with self.db.read() as tx:
            return await conversations.messages_after(tx, current.id, 0)

    async def texts(self, kind: r.MessageKind) -> list[str]:
        """The texts of one kind of message."""
        return [message.text for message in await self.messages() if message.kind == kind]

    async def suggestion(self) -> r.Suggestion | None:
        """What an agent could send now."""
        current = await self.current()
        async with self.db.read() as tx:
            return await suggestions.open_suggestion(tx, current.id)

    async def set_policy(self, mode: PolicyMode, floor: float | None = None) -> None:
        """As an admin would, with a floor that was found before."""
        kept = {self.brain.version: {"tolerated": 5, "floor": floor, "why": "", "at": ""}}
        for key, value in ((MODE_KEY, mode), (TOLERATED_KEY, 5), (FLOORS_KEY, kept)):
            await self.db.write(lambda tx, k=key, v=value: settings_store.put_setting(tx, k, v))

    async def heard(self, reader: Subscription) -> list[Any]:
        """The events that have reached a reader, those of the background included."""
        await asyncio.sleep(0.05)
        self.live.publish(AGENTS, {"type": "end"})
        self.live.publish(customer_topic(self.customer.id), {"type": "end"})
        events: list[Any] = []
        async for event in reader:
            if event["type"] == "end":
                break
            events.append(event)
        return events


@asynccontextmanager
async def open_house(url: str) -> AsyncIterator[House]:
    """A house on a database that was migrated."""
    db = await Database.open(url, migrate=False)
    live = Live()
    brain = FakeBrain()
    serving = FakeServing(brain)
    conversation = Conversation(db, serving, Policy(), live)
    customer = await db.write(
        lambda tx: conversations.create_customer(tx, display_name="", token_hash=None, locale="en")
    )
    agent = await db.write(
        lambda tx: accounts.create_account(
            tx, email="moira@example.com", name="Moira", role="agent", password_hash="none"
        )
    )
    with live.subscribe(AGENTS) as console, live.subscribe(customer_topic(customer.id)) as widget:
        yield House(db, brain, serving, live, conversation, customer, agent, console, widget)
    await conversation.close()
    await db.close()
