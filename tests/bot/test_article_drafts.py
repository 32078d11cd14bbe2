"""Drafts of articles: found in resolved conversations, decided on once, forgotten with their customers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import text

from bot import article_drafts, erasure
from bot.article_drafts import ArticleDrafts
from bot.messages import Actor
from bot.new_intents import NewIntents
from nlp.types import Analysis
from storage import article_drafts as stored
from storage import conversations, knowledge
from storage.database import Database
from storage.errors import Conflict, NotFound
from tests.bot.house import House
from tests.fakes import reading, vector_of

THINGS = ("rings", "cups", "pens", "rings again", "cups again", "pens again", "rings and cups")
ENGRAVING = [f"Can you engrave {thing}?" for thing in THINGS]
STEPS = "Choose the engraving on the product page. Type up to twenty letters into the field."
OTHER = [f"Something else of kind {kind}?" for kind in ("a", "b", "c")]


def understood(text: str) -> Analysis:
    """A reading in which whatever speaks of engraving is near to each other."""
    found = reading(text)
    topic = "engraving" if "engrav" in text.casefold() else text
    mixed = vector_of(topic) + 0.3 * vector_of(text)
    vector = np.asarray(mixed / np.linalg.norm(mixed), dtype=np.float32)
    return Analysis(found.language, found.language_score, found.sentiment, (), found.intent, vector)


async def log_of(db: Database) -> None:
    """Resolved conversations, seven of them on engraving."""
    for number, asked in enumerate([*ENGRAVING, *OTHER]):
        answered = f"Thanks for asking. {STEPS}" if asked in ENGRAVING else "We will see what we can do."
        await db.write(
            lambda tx, n=number, t=asked, a=answered: conversations.import_conversation(
                tx, external_id=f"z{n}", turns=[("customer", t, None), ("agent", a, None)]
            )
        )


@pytest.fixture
async def desk(house: House, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[ArticleDrafts]:
    """The search over a log; a thread stands for the process, which takes long to start."""
    monkeypatch.setattr(article_drafts, "ProcessPoolExecutor", lambda *_, **__: ThreadPoolExecutor(1))
    house.brain._next_reading = understood  # type: ignore[method-assign]
    named = NewIntents(house.db, house.serving)
    made = ArticleDrafts(house.db, house.serving, named)
    await log_of(house.db)
    yield made
    await made.close()
    await named.close()


async def ended(db: Database) -> article_drafts.Search:
    async with asyncio.timeout(60):
        while True:
            async with db.read() as tx:
                found = await article_drafts.latest(tx)
            if found and found["state"] != "running":
                return found
            await asyncio.sleep(0.05)


async def proposed(house: House) -> list[Any]:
    async with house.db.read() as tx:
        return await stored.list_drafts(tx, "proposed")


async def test_what_many_ask_and_no_article_says_is_drafted(house: House, desk: ArticleDrafts) -> None:
    await desk.search()
    with pytest.raises(Conflict):
        await desk.search()
    found = await ended(house.db)
    assert (found["state"], found["conversations"], found["groups"], found["answered"]) == ("done", 10, 1, 0)
    (draft,) = await proposed(house)
    assert draft.body.split("\n") == STEPS.replace(". ", ".\n").split("\n")
    assert draft.title.startswith("Can you engrave ")
    assert (len(draft.conversations), draft.customers, draft.best_title) == (7, 7, None)


async def test_what_an_article_answers_is_not_drafted(house: House, desk: ArticleDrafts) -> None:
    await house.db.write(
        lambda tx: knowledge.create_article(tx, slug="e", title="Engraving", body="We engrave everything.")
    )
    await desk.search()
    assert (await ended(house.db))["answered"] == 1
    assert await proposed(house) == []


async def test_what_was_dismissed_stays_dismissed(house: House, desk: ArticleDrafts) -> None:
    await desk.search()
    await ended(house.db)
    (draft,) = await proposed(house)
    await house.db.write(lambda tx: stored.decide(tx, draft.id, "dismissed", by=house.agent.id))
    with pytest.raises(Conflict):
        await house.db.write(lambda tx: stored.decide(tx, draft.id, "approved", by=house.agent.id))
    await desk.search()
    assert (await ended(house.db))["known"] == 1
    assert await proposed(house) == []


async def test_who_is_not_to_be_learned_from_or_unresolved_takes_no_part(
    house: House, desk: ArticleDrafts
) -> None:
    await house.db.write(lambda tx: tx.execute(text("UPDATE customers SET learn_from = false")))
    await house.says("Can you engrave a spoon?")
    await desk.search()
    found = await ended(house.db)
    assert (found["state"], found["conversations"]) == ("done", 0)
    assert await proposed(house) == []


async def test_a_customer_who_is_erased_leaves_every_draft(
    house: House, desk: ArticleDrafts, tmp_path: Path
) -> None:
    await desk.search()
    await ended(house.db)
    (draft,) = await proposed(house)
    async with house.db.read() as tx:
        one, other = [
            (await conversations.conversation(tx, each)).customer_id for each in draft.conversations[:2]
        ]
    await house.db.write(lambda tx: stored.decide(tx, draft.id, "dismissed", by=house.agent.id))
    report = await erasure.erase(house.db, tmp_path, one, Actor("test"))
    assert report["rows"]["article_draft_sources"] == 1
    async with house.db.read() as tx:
        (left,) = await stored.list_drafts(tx, "dismissed")
    assert (left.title, left.body, len(left.conversations)) == ("", "", 6)
    await desk.search()
    assert (await ended(house.db))["known"] == 1, "it is known by what is left"

    again = stored.Proposal("t", "b", draft.conversations[1:], 6, None, None)
    await house.db.write(lambda tx: stored.propose(tx, [again]))
    await erasure.erase(house.db, tmp_path, other, Actor("test"))
    assert await proposed(house) == []
    gone = stored.Proposal("t", "b", draft.conversations, 7, None, None)
    await house.db.write(lambda tx: stored.propose(tx, [gone]))
    assert await proposed(house) == [], "who was erased while the search ran is in no draft"


async def test_a_search_that_fails_or_is_broken_off_says_so(house: House, desk: ArticleDrafts) -> None:
    house.brain.broken = RuntimeError("no")
    await desk.search()
    assert (await ended(house.db))["state"] == "failed"
    house.brain.broken = None
    house.brain.delay = 0.2
    await desk.search()
    await asyncio.sleep(0.05)
    await desk.close()
    assert "stopped" in (await ended(house.db))["error"]
    with pytest.raises(NotFound):
        await house.db.write(lambda tx: stored.decide(tx, house.agent.id, "dismissed", by=house.agent.id))
