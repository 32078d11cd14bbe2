"""The first message of each conversation, read or not."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from storage import conversations, openings
from storage.database import Database
from storage.messages import texts_of


async def test_each_conversation_opens_with_the_customers_first_message(
    db: Database, new_customer: Any, say: Any, read_as: Any
) -> None:
    ada, bea = await new_customer(db), await new_customer(db, "Bea")
    read = (await say(db, ada.id, "Do you engrave?")).message
    await say(db, ada.id, "Hello?")
    unread = (await say(db, bea.id, "Where is it?")).message
    imported = await db.write(
        lambda tx: conversations.import_conversation(
            tx, external_id="z", turns=[("agent", "Welcome", None), ("customer", "Refund?", None)]
        )
    )
    await read_as(db, read.id, intent="out_of_scope", score=0.4, vector=b"1234")
    async with db.read() as tx:
        found = await openings.openings(tx, limit=10)
        newest = await openings.openings(tx, limit=1)
    by_text = {one.text: one for one in found}
    assert set(by_text) == {"Do you engrave?", "Where is it?", "Refund?"}
    one = by_text["Do you engrave?"]
    assert (one.message_id, one.intent, one.intent_score, one.vector) == (
        read.id,
        "out_of_scope",
        0.4,
        b"1234",
    )
    assert by_text["Where is it?"].message_id == unread.id
    assert by_text["Where is it?"].intent is None and by_text["Where is it?"].vector is None
    assert newest == found[:1] and imported.created


async def test_a_conversation_that_no_customer_wrote_in_has_no_opening(db: Database) -> None:
    await db.write(
        lambda tx: conversations.import_conversation(tx, external_id="z", turns=[("agent", "Welcome", None)])
    )
    async with db.read() as tx:
        assert await openings.openings(tx, limit=10) == []


async def test_texts_are_those_of_the_messages_that_are_there(
    db: Database, new_customer: Any, say: Any
) -> None:
    customer = await new_customer(db)
    ids = [(await say(db, customer.id, text)).message.id for text in ("a", "b")]
    async with db.read() as tx:
        assert await texts_of(tx, [*ids, *(uuid4() for _ in range(1_500))]) == dict(
            zip(ids, "ab", strict=True)
        )
        assert await texts_of(tx, []) == {}
