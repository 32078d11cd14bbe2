"""While a message is answered the models are swapped, a person steps in, a setting changes, a part fails."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from uuid import UUID

import pytest

from bot import casefile
from bot.conversation import Conversation
from bot.policy import Policy
from nlp.serving import Serving
from nlp.types import Analysis
from storage import conversations, inbox
from storage.database import Transaction
from storage.records import ConversationSummary
from tests.bot.house import House
from tests.fakes import FakeBrain, until

# One version for one message


async def test_a_reading_by_another_version_is_made_again(house: House) -> None:
    received = await house.says("where is my order")
    item = await house.claim()
    assert item is not None
    house.brain.answers.append(RuntimeError("out of memory"))
    with pytest.raises(RuntimeError):
        await house.conversation.respond(item)
    house.serving.brain = FakeBrain("fake-2")
    await house.conversation.respond(item)
    assert await versions(house, received.message.id) == ("fake-2", "fake-2")


class GatedBrain(FakeBrain):
    """A brain that says when it has begun to read, and waits to be let go."""

    def __init__(self, version: str) -> None:
        super().__init__(version)
        self.begun, self.go = threading.Event(), threading.Event()

    def understand(self, texts: Sequence[str]) -> list[Analysis]:
        self.begun.set()
        self.go.wait(10)
        return super().understand(texts)


async def test_a_swap_in_the_middle_of_a_message_keeps_its_version(house: House) -> None:
    old, new = GatedBrain("old"), FakeBrain("new")
    serving = await Serving.start(lambda: old)
    conversation = Conversation(house.db, serving, Policy(), house.live)
    received = await house.says("where is my order")
    item = await house.claim()
    assert item is not None
    responding = asyncio.create_task(conversation.respond(item))
    await until(old.begun.is_set)
    await serving.swap(lambda: new)
    old.go.set()
    await responding
    assert await versions(house, received.message.id) == ("old", "old")
    assert new.understood == new.requests == []

    received = await house.says("and my refund?")
    item = await house.claim()
    assert item is not None
    await conversation.respond(item)
    assert await versions(house, received.message.id) == ("new", "new")
    await conversation.close()
    await serving.close()


async def versions(house: House, message_id: UUID) -> tuple[str, str]:
    """Which version read a message, and which one drafted for it."""
    shown = await house.suggestion()
    assert shown is not None and shown.message_id == message_id
    async with house.db.read() as tx:
        read = (await conversations.analysis_of(tx, [message_id]))[message_id]
    return read.model_version, shown.model_version


# What changes while we draft


async def test_a_hand_off_that_a_person_forestalled_leaves_no_trace_when_drafting(house: House) -> None:
    received = await house.says("Let me talk to a human please")
    item = await house.claim()
    assert item is not None
    brain = GatedBrain("gated")
    house.serving.brain = brain
    responding = asyncio.create_task(house.conversation.respond(item))
    await until(brain.begun.is_set)
    await house.conversation.take_over(received.conversation.id, house.agent)
    brain.go.set()
    await responding
    assert await house.texts("activity") == []
    assert (await house.current()).handoff_reason is None


async def test_switching_automatic_replies_off_counts_at_once(house: House) -> None:
    await house.set_policy("automatic", 0.1)
    await house.says("where is my order")
    item = await house.claim()
    assert item is not None
    brain = GatedBrain("gated")
    house.serving.brain = brain
    responding = asyncio.create_task(house.conversation.respond(item))
    await until(brain.begun.is_set)
    await house.set_policy("draft", 0.1)
    brain.go.set()
    await responding
    assert await house.texts("bot") == []
    shown = await house.suggestion()
    assert shown is not None and shown.decision == "suggest"


async def test_no_id_that_a_customer_chooses_is_in_the_way_of_ours(house: House) -> None:
    await house.set_policy("automatic", 0.1)
    first = await house.says("Let me talk to a human please")
    for key in ("handoff", "answer"):
        await house.says("hello", f"{key}:{first.message.id}")
    await house.work()
    assert (await house.current()).handoff_reason == "asked_for_person"


async def test_a_message_far_back_is_still_answered_in_its_place(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(casefile, "RECENT", 2)
    received = await house.says("where is my order")
    for n in range(3):
        await house.conversation.note(received.conversation.id, house.agent, f"note {n}", f"n-{n}")
    await house.work()
    assert [turn.text for turn in house.brain.requests[-1].turns] == ["where is my order"]


async def test_one_bad_moment_does_not_end_the_news(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    summary = inbox.summary
    failures = [ValueError("odd")]

    async def flaky(tx: Transaction, conversation_id: UUID) -> ConversationSummary | None:
        if failures:
            raise failures.pop()
        return await summary(tx, conversation_id)

    monkeypatch.setattr(inbox, "summary", flaky)
    await house.says("hello")
    await until(lambda: not failures)
    await house.says("hello?")
    assert "conversation" in [event["type"] for event in await house.heard(house.console)]
