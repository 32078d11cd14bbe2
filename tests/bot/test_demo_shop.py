"""The demo shop is complete, consistent, and put in place once."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot import demo_shop
from bot.demo_shop import fill, invent, read_articles, read_canned, read_past, read_shop, seed, times
from storage import conversations, knowledge
from tests.bot.house import House

NOW = datetime(2025, 6, 1, 12, 0, tzinfo=UTC)
INTENT = {
    "intent": "order_status",
    "about": "Where an order is.",
    "phrasings": [],
    "replies": ["Hello {customer_name}!", "It takes {standard_time}."],
    "conversations": [
        {
            "id": "order_status-01",
            "mood": "polite",
            "turns": ["Where is {order_id}? I'm {customer_name}.", "On its way."],
        },
        {"id": "order_status-02", "mood": "terse", "turns": ["{email}", "Thanks, {email} it is."]},
        {"id": "order_status-11", "mood": "angry", "held_out": True, "turns": ["secret", "held out"]},
    ],
}


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    folder = tmp_path / "demo"
    (folder / "intents").mkdir(parents=True)
    (folder / "articles").mkdir()
    shop = {"facts": {"standard_time": "2 to 4 working days"}, "products": ["Brae tent", "Skerry jacket"]}
    (folder / "shop.json").write_text(json.dumps(shop), encoding="utf-8")
    (folder / "intents" / "order_status.json").write_text(json.dumps(INTENT), encoding="utf-8")
    (folder / "articles" / "delivery.md").write_text("# Delivery\n\nIt takes {standard_time}.\n", "utf-8")
    return folder


async def test_everything_is_put_in_place(house: House, corpus: Path) -> None:
    seeded = await seed(house.db, corpus, now=NOW)
    assert (seeded.articles, seeded.canned, seeded.conversations) == (1, 1, 2)
    async with house.db.read() as tx:
        assert await knowledge.facts(tx) == {"standard_time": "2 to 4 working days"}
        assert await knowledge.products(tx) == ["Brae tent", "Skerry jacket"]
        article = await knowledge.article_by_slug(tx, "delivery")
        assert article is not None
        assert (article.title, article.body) == ("Delivery", "It takes 2 to 4 working days.")
        assert [reply.text for reply in await knowledge.list_canned_replies(tx)] == [
            "It takes 2 to 4 working days."
        ]
        page = await conversations.list_conversations(tx)
        pairs = await knowledge.replies_for_retrieval(tx)
    assert {item.conversation.status for item in page.items} == {"resolved"}
    assert {item.conversation.tags for item in page.items} == {("order_status",)}
    assert len(pairs) == 2
    assert "held out" not in {pair.reply for pair in pairs}


async def test_a_second_time_changes_nothing_and_keeps_edits(house: House, corpus: Path) -> None:
    await seed(house.db, corpus, now=NOW)
    await house.db.write(lambda tx: knowledge.put_facts(tx, {"standard_time": "1 day"}))
    again = await seed(house.db, corpus, now=NOW + timedelta(days=3))
    assert (again.articles, again.canned, again.conversations) == (0, 0, 0)
    async with house.db.read() as tx:
        assert await knowledge.facts(tx) == {"standard_time": "1 day"}


def test_the_values_of_a_conversation_are_always_the_same_and_made_up(corpus: Path) -> None:
    shop = read_shop(corpus)
    values = invent("order_status-01", shop)
    assert values == invent("order_status-01", shop)
    assert values != invent("order_status-02", shop)
    assert re.fullmatch(r"TT-\d{6}", values["order_id"])
    assert values["email"].endswith("@example.com")
    assert values["phone"].startswith("07700 900")
    assert values["product"] in shop.products


def test_a_placeholder_that_nobody_knows_is_an_error() -> None:
    with pytest.raises(KeyError):
        fill("Hello {nobody}", {"name": "x"})


def test_turns_follow_each_other_within_one_day_of_the_last_months(corpus: Path) -> None:
    past = next(read_past(read_shop(corpus), corpus))
    stamps = times(past, NOW)
    assert stamps == sorted(stamps)
    assert NOW - timedelta(days=demo_shop.DAYS_OF_HISTORY + 1) < stamps[0] < NOW
    assert len(stamps) == len(past.turns)


def test_the_shipped_corpus_fills_in_without_a_gap() -> None:
    shop = read_shop()
    texts = [turn for past in read_past(shop) for turn in past.turns]
    texts += [article.body for article in read_articles(shop)] + [reply.text for reply in read_canned(shop)]
    assert len(texts) > 1000
    assert [text for text in texts if re.search(r"\{\w*\}", text)] == []
