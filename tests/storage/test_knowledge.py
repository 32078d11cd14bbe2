from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest

from storage import conversations, knowledge
from storage.database import Database
from storage.errors import Conflict, NotFound
from storage.records import AnalysisRecord


async def test_articles_are_written_found_changed_and_removed(db: Database) -> None:
    made = await db.write(
        lambda tx: knowledge.create_article(
            tx, slug="returns", title="Returns", body="30 days", intent="return_policy"
        )
    )
    with pytest.raises(Conflict):
        await db.write(lambda tx: knowledge.create_article(tx, slug="returns", title="x", body="y"))
    await db.write(lambda tx: knowledge.put_vectors(tx, "article", "m", {made.id: b"1234"}))
    async with db.read() as tx:
        assert await knowledge.article(tx, made.id) == made
        assert await knowledge.article_by_slug(tx, "returns") == made
        assert await knowledge.list_articles(tx) == [made]
        assert await knowledge.get_vectors(tx, "article", "m") == {made.id: b"1234"}
    changed = await db.write(
        lambda tx: knowledge.update_article(
            tx, made.id, slug="send-back", title="Returns", body="60 days", intent=None
        )
    )
    assert (changed.slug, changed.body, changed.intent) == ("send-back", "60 days", None)
    async with db.read() as tx:
        assert await knowledge.article_by_slug(tx, "returns") is None
        assert await knowledge.get_vectors(tx, "article", "m") == {}
    await db.write(lambda tx: knowledge.delete_article(tx, made.id))
    for gone in (
        db.write(lambda tx: knowledge.delete_article(tx, made.id)),
        db.write(lambda tx: knowledge.article(tx, made.id)),
        db.write(
            lambda tx: knowledge.update_article(tx, made.id, slug="s", title="t", body="b", intent=None)
        ),
    ):
        with pytest.raises(NotFound):
            await gone


async def test_canned_replies_are_written_found_changed_and_removed(db: Database) -> None:
    made = await db.write(
        lambda tx: knowledge.create_canned_reply(tx, shortcut="hi", title="Greeting", text="Hello!")
    )
    other = await db.write(
        lambda tx: knowledge.create_canned_reply(tx, shortcut="bye", title="End", text="Bye!")
    )
    for shortcut in ("hi", "bye"):
        with pytest.raises(Conflict):
            await db.write(
                lambda tx, s=shortcut: knowledge.create_canned_reply(tx, shortcut=s, title="x", text="y")
            )
    with pytest.raises(Conflict):
        await db.write(
            lambda tx: knowledge.update_canned_reply(tx, made.id, shortcut="bye", title="x", text="y")
        )
    changed = await db.write(
        lambda tx: knowledge.update_canned_reply(tx, made.id, shortcut="hey", title="x", text="Hey")
    )
    async with db.read() as tx:
        assert await knowledge.list_canned_replies(tx) == [other, changed]
        assert await knowledge.canned_reply(tx, made.id) == changed
    await db.write(lambda tx: knowledge.delete_canned_reply(tx, made.id))
    with pytest.raises(NotFound):
        await db.write(lambda tx: knowledge.canned_reply(tx, made.id))


async def test_facts_and_products_are_replaced_as_a_whole(db: Database) -> None:
    await db.write(lambda tx: knowledge.put_facts(tx, {"return_days": "30 days", "phone": "1"}))
    await db.write(lambda tx: knowledge.put_facts(tx, {"return_days": "60 days", "open": "9-5"}))
    await db.write(lambda tx: knowledge.put_products(tx, ["Lamp", "Desk", "Lamp", " "]))
    async with db.read() as tx:
        assert await knowledge.facts(tx) == {"open": "9-5", "return_days": "60 days"}
        assert await knowledge.products(tx) == ["Desk", "Lamp"]
    await db.write(lambda tx: knowledge.put_facts(tx, {}))
    await db.write(lambda tx: knowledge.put_products(tx, []))
    async with db.read() as tx:
        assert await knowledge.facts(tx) == {}
        assert await knowledge.products(tx) == []


async def test_vectors_are_put_and_read_in_bulk(db: Database) -> None:
    items = {uuid4(): number.to_bytes(4, "little") for number in range(2_500)}
    await db.write(lambda tx: knowledge.put_vectors(tx, "reply", "m", items))
    await db.write(lambda tx: knowledge.put_vectors(tx, "reply", "other", {uuid4(): b"0000"}))
    async with db.read() as tx:
        assert await knowledge.get_vectors(tx, "reply", "m") == items
        assert await knowledge.get_vectors(tx, "reply", "m", [*items, uuid4()]) == items
        assert await knowledge.get_vectors(tx, "reply", "m", []) == {}
    one = next(iter(items))
    await db.write(lambda tx: knowledge.put_vectors(tx, "reply", "m", {one: b"new!"}))
    async with db.read() as tx:
        assert await knowledge.get_vectors(tx, "reply", "m", [one]) == {one: b"new!"}
    assert await db.write(lambda tx: knowledge.drop_vectors(tx, "reply", model="m")) == 2_500
    assert await db.write(lambda tx: knowledge.drop_vectors(tx, "reply")) == 1


async def test_past_replies_come_with_what_they_answered(
    db: Database, new_customer: Any, say: Any, account: Any
) -> None:
    customer = await new_customer(db)
    received = await say(db, customer.id, "Hello")
    here = received.conversation.id

    async def post(kind: Any, text: str) -> UUID:
        posted = await db.write(
            lambda tx: conversations.post(
                tx,
                conversation_id=here,
                kind=kind,
                text=text,
                author_id=account.id if kind == "agent" else None,
            )
        )
        return posted.message.id

    await post("bot", "Hi, I am a bot")
    await say(db, customer.id, "Where is TT-1?")
    asked = await say(db, customer.id, "It is late")
    await post("note", "angry!")
    first = await post("agent", "It ships today")
    second = await post("agent", "Sorry again")
    imported = await db.write(
        lambda tx: conversations.import_conversation(
            tx, external_id="z1", turns=[("customer", "Refund?", None), ("agent", "Done", None)]
        )
    )
    analysis = AnalysisRecord(asked.message.id, "v", "en", 1.0, 0.8, 0.1, 0.1, "late", 0.9, (), 1.0)
    await db.write(lambda tx: conversations.save_analysis(tx, analysis))
    await db.write(lambda tx: knowledge.put_vectors(tx, "reply", "m", {first: b"1234"}))
    async with db.read() as tx:
        pairs = await knowledge.replies_for_retrieval(tx, None, 2, model="m")
        rest = await knowledge.replies_for_retrieval(tx, pairs[-1].message_id, 2, model="m")
        assert await knowledge.replies_for_retrieval(tx, rest[-1].message_id, 2, model="m") == []
    by_text = {pair.reply: pair for pair in [*pairs, *rest]}
    assert set(by_text) == {"It ships today", "Sorry again", "Done"}
    shipped = by_text["It ships today"]
    assert shipped.message_id == first
    assert shipped.turns == (
        ("customer", "Hello"),
        ("agent", "Hi, I am a bot"),
        ("customer", "Where is TT-1?"),
        ("customer", "It is late"),
    )
    assert (shipped.intent, shipped.vector) == ("late", b"1234")
    assert (by_text["Sorry again"].message_id, by_text["Sorry again"].turns) == (second, ())
    done = by_text["Done"]
    assert (done.conversation_id, done.turns) == (imported.conversation.id, (("customer", "Refund?"),))
    assert (done.intent, done.vector) == (None, None)
