"""Named intents and their examples: written, joined, listed, removed, and left by who is erased."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from storage import conversations, named_intents
from storage.database import Database
from storage.errors import NotFound


async def test_a_name_is_kept_with_its_messages_and_removed_without_them(
    db: Database, new_customer: Any, say: Any
) -> None:
    customer = await new_customer(db)
    first = (await say(db, customer.id, "Do you engrave rings?")).message
    second = (await say(db, customer.id, "Can I get an engraving?")).message
    made = await db.write(lambda tx: named_intents.name_messages(tx, "engraving", [first.id, second.id]))
    assert made.name == "engraving"
    assert made.examples == ((first.id, first.text), (second.id, second.text))
    async with db.read() as tx:
        assert await named_intents.list_named_intents(tx) == [made]
        assert await named_intents.named_intent(tx, made.id) == made
    await db.write(lambda tx: named_intents.delete_named_intent(tx, made.id))
    async with db.read() as tx:
        assert await named_intents.list_named_intents(tx) == []
        assert (await conversations.message(tx, first.id)).text == first.text
    for gone in (
        db.write(lambda tx: named_intents.delete_named_intent(tx, made.id)),
        db.write(lambda tx: named_intents.named_intent(tx, made.id)),
    ):
        with pytest.raises(NotFound):
            await gone


async def test_a_name_that_is_there_takes_further_messages(db: Database, new_customer: Any, say: Any) -> None:
    customer = await new_customer(db)
    ids = [(await say(db, customer.id, text)).message.id for text in ("a", "b", "c")]
    first = await db.write(lambda tx: named_intents.name_messages(tx, "letters", ids[:2]))
    again = await db.write(lambda tx: named_intents.name_messages(tx, "letters", ids[1:]))
    assert again.id == first.id
    assert [text for _, text in again.examples] == ["a", "b", "c"]


async def test_only_customers_messages_that_are_there_become_examples(
    db: Database, new_customer: Any, say: Any
) -> None:
    customer = await new_customer(db)
    received = await say(db, customer.id, "a")
    answered = await db.write(
        lambda tx: conversations.post(
            tx, conversation_id=received.conversation.id, kind="bot", text="hello", author_id=None
        )
    )
    ids = [received.message.id, answered.message.id, uuid4()]
    made = await db.write(lambda tx: named_intents.name_messages(tx, "letters", ids))
    assert [text for _, text in made.examples] == ["a"]
    with pytest.raises(NotFound):
        await db.write(lambda tx: named_intents.name_messages(tx, "none", ids[1:]))
    async with db.read() as tx:
        assert [one.name for one in await named_intents.list_named_intents(tx)] == ["letters"]


async def test_an_erased_customer_leaves_every_intent(db: Database, new_customer: Any, say: Any) -> None:
    leaves, stays = await new_customer(db), await new_customer(db, "Bea")
    gone = (await say(db, leaves.id, "Engrave my name")).message
    kept = (await say(db, stays.id, "Do you engrave?")).message
    await db.write(lambda tx: named_intents.name_messages(tx, "engraving", [gone.id, kept.id]))
    await db.write(lambda tx: conversations.erase_customer(tx, leaves.id))
    async with db.read() as tx:
        (left,) = await named_intents.list_named_intents(tx)
    assert left.examples == ((kept.id, kept.text),)


async def test_examples_come_with_the_embeddings_that_there_are(
    db: Database, new_customer: Any, say: Any, read_as: Any
) -> None:
    customer = await new_customer(db)
    ids = [(await say(db, customer.id, text)).message.id for text in ("a", "b", "c")]
    await read_as(db, ids[1], vector=b"1234")
    await read_as(db, ids[2], vector=b"5678")
    await db.write(lambda tx: named_intents.name_messages(tx, "second", ids[:2]))
    await db.write(lambda tx: named_intents.name_messages(tx, "first", ids[2:]))
    async with db.read() as tx:
        found = await named_intents.example_vectors(tx)
        assert await named_intents.example_vectors(tx, model="other") == []
    assert found == [("first", ids[2], b"5678"), ("second", ids[1], b"1234")]
