"""New intents are found in the log, named, used in readings, and forgotten when they are removed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from bot import new_intents
from bot.new_intents import NewIntents
from nlp.types import Analysis
from storage import conversations, named_intents, settings_store
from storage.errors import Conflict, NotFound
from tests.bot.house import House
from tests.fakes import reading, vector_of

ENGRAVING = [
    f"Do you {verb} {thing}" for verb in ("engrave", "inscribe") for thing in ("rings", "cups", "pens")
]
STRANGE = [f"Something else number {number}" for number in range(4)]


def near(topic: str, text: str) -> np.ndarray[Any, np.dtype[np.float32]]:
    """A unit vector near to that of the topic."""
    mixed = vector_of(topic) + 0.3 * vector_of(text)
    return np.asarray(mixed / np.linalg.norm(mixed), dtype=np.float32)


def unknown(text: str) -> Analysis:
    """A reading that the head is unsure of; messages on engraving are near to each other."""
    found = reading(text, intent="out_of_scope", intent_score=0.4)
    topic = "engraving" if any(word in text for word in ("engrave", "inscribe")) else text
    return Analysis(
        found.language, found.language_score, found.sentiment, (), found.intent, near(topic, text)
    )


@pytest.fixture
async def desk(house: House) -> AsyncIterator[NewIntents]:
    """New intents over a log of imported conversations."""
    house.brain._next_reading = unknown  # type: ignore[method-assign]
    made = NewIntents(house.db, house.serving)
    load = await made.reading(lambda: house.brain)
    house.serving.brain = load()
    for number, text in enumerate([*ENGRAVING, *STRANGE]):
        await house.db.write(
            lambda tx, n=number, t=text: conversations.import_conversation(
                tx, external_id=f"z{n}", turns=[("customer", t, None), ("agent", "Yes", None)]
            )
        )
    yield made
    await made.close()


async def ended(house: House) -> new_intents.Search:
    async with asyncio.timeout(60):
        while True:
            async with house.db.read() as tx:
                found = await new_intents.latest(tx)
            if found and found["state"] != "running":
                return found
            await asyncio.sleep(0.05)


async def test_what_is_asked_again_and_again_is_found_named_and_read(house: House, desk: NewIntents) -> None:
    await desk.search()
    found = await ended(house)
    assert (found["state"], found["conversations"], found["unsure"]) == ("done", 10, 10)
    (group,) = found["groups"]
    assert group["size"] == len(ENGRAVING) and 3 <= len(group["examples"]) <= 5

    async with house.serving.lease() as brain:
        assert (await brain.understand("Can you engrave a lid")).intent.name == "out_of_scope"
    made = await house.db.write(
        lambda tx: new_intents.accept(tx, found["started_at"], group["key"], "engraving")
    )
    await desk.refresh()
    assert {text for _, text in made.examples} == set(ENGRAVING)
    async with house.serving.lease() as brain:
        read = (await brain.understand("Can you engrave a lid")).intent
        assert (await brain.understand("Something quite different")).intent.name == "out_of_scope"
    assert read.name == "engraving" and read.score > 0.5

    with pytest.raises(NotFound):
        await house.db.write(
            lambda tx: new_intents.accept(tx, found["started_at"], group["key"], "engraving")
        )
    await desk.search()
    assert (await ended(house))["groups"] == [], "what is named is not found again"

    await house.db.write(lambda tx: named_intents.delete_named_intent(tx, made.id))
    await desk.refresh()
    async with house.serving.lease() as brain:
        assert (await brain.understand("Can you engrave a lid")).intent.name == "out_of_scope"


async def test_messages_are_read_once(house: House, desk: NewIntents) -> None:
    for _ in range(2):
        await desk.search()
        await ended(house)
    assert len(house.brain.understood) == len(ENGRAVING) + len(STRANGE)


async def test_two_searches_at_once_are_one_too_many(house: House, desk: NewIntents) -> None:
    await desk.search()
    with pytest.raises(Conflict):
        await desk.search()
    await ended(house)


async def test_a_search_that_died_with_its_process_counts_as_failed(house: House) -> None:
    long_ago = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    row = {"state": "running", "started_at": long_ago, "groups": []}
    await house.db.write(lambda tx: settings_store.put_setting(tx, new_intents.SEARCH_KEY, row))
    found = await ended(house)
    assert found["state"] == "failed" and "again" in found["error"]
    assert (await house.db.write(new_intents.begin))["state"] == "running"


async def test_a_search_that_fails_or_is_broken_off_says_so(house: House, desk: NewIntents) -> None:
    house.brain.broken = RuntimeError("no")
    await desk.search()
    assert (await ended(house))["state"] == "failed"
    house.brain.broken = None
    house.brain.delay = 0.2
    await desk.search()
    await asyncio.sleep(0.05)
    await desk.close()
    assert "stopped" in (await ended(house))["error"]


async def test_no_search_begins_before_the_models_are_there(house: House) -> None:
    house.serving.ready = False
    with pytest.raises(Conflict):
        await NewIntents(house.db, house.serving).search()


def test_values_that_were_recognised_name_no_group() -> None:
    texts = [f"Anna Freeman wants her parcel {word}" for word in ("now", "soon", "today", "first", "fast")]
    vectors = np.stack([near("parcel", text) for text in texts])
    (group,) = new_intents.groups_of(texts, [[(0, 12)]] * 5, vectors, ["wants_parcel"])
    assert not {"anna", "freeman"} & set(group.keywords)
    assert "parcel" in group.keywords and group.name != "wants_parcel"
