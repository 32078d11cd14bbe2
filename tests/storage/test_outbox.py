from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID, uuid4

import pytest

from storage import conversations, outbox
from storage.database import Database
from storage.errors import NotFound
from storage.records import OutboxItem


async def claim(db: Database, *, node: str = "a", lease: float = 60, limit: int = 100) -> list[OutboxItem]:
    return await db.write(lambda tx: outbox.claim(tx, limit=limit, node=node, lease_seconds=lease))


async def answer(db: Database, conversation_id: UUID, *texts: str) -> list[UUID]:
    return [
        (
            await db.write(
                lambda tx, text=text: conversations.post(
                    tx, conversation_id=conversation_id, kind="bot", text=text, automatic=True
                )
            )
        ).message.id
        for text in texts
    ]


async def delivery(db: Database, message_id: UUID) -> str:
    async with db.read() as tx:
        return (await conversations.message(tx, message_id)).delivery


async def test_a_conversations_messages_leave_in_order(db: Database, new_customer: Any, say: Any) -> None:
    customers = [await new_customer(db) for _ in range(4)]
    here = [(await say(db, customer.id)).conversation.id for customer in customers]
    await asyncio.gather(*(answer(db, conversation_id, *"12345") for conversation_id in here))
    left: dict[UUID, str] = dict.fromkeys(here, "")

    async def node(name: str) -> None:
        while sum(map(len, left.values())) < 20:
            for item in await claim(db, node=name, limit=2):
                left[item.conversation_id] += item.text
                await db.write(lambda tx, i=item: outbox.sent(tx, i.id, None))

    async with asyncio.timeout(60):
        await asyncio.gather(*(node(name) for name in "abc"))
    assert left == dict.fromkeys(here, "12345")
    async with db.read() as tx:
        assert await outbox.depth(tx) == 0


async def test_an_item_says_all_that_a_channel_needs(db: Database, new_customer: Any, say: Any) -> None:
    customer = await new_customer(db)
    received = await say(db, customer.id, channel="slack", thread="C1:1.0")
    (message_id,) = await answer(db, received.conversation.id, "hello")
    (item,) = await claim(db)
    assert (item.message_id, item.conversation_id) == (message_id, received.conversation.id)
    assert (item.customer_id, item.channel, item.text) == (customer.id, "slack", "hello")
    assert (item.automatic, item.attempts, item.state, item.uncertain) == (True, 1, "claimed", False)
    async with db.read() as tx:
        assert await outbox.item(tx, item.id) == item
        with pytest.raises(NotFound):
            await outbox.item(tx, uuid4())


async def test_notes_and_activity_are_never_owed_to_a_customer(
    db: Database, new_customer: Any, say: Any
) -> None:
    here = (await say(db, (await new_customer(db)).id)).conversation.id
    for kind in ("note", "activity"):
        await db.write(
            lambda tx, kind=kind: conversations.post(tx, conversation_id=here, kind=kind, text="psst")
        )
    assert await claim(db) == []


async def test_sent_is_said_once_and_never_claimed_again(db: Database, new_customer: Any, say: Any) -> None:
    here = (await say(db, (await new_customer(db)).id)).conversation.id
    (message_id,) = await answer(db, here, "hello")
    (item,) = await claim(db)
    assert await db.write(lambda tx: outbox.sent(tx, item.id, "C1:9.0"))
    assert not await db.write(lambda tx: outbox.sent(tx, item.id, "C1:9.0"))
    assert not await db.write(lambda tx: outbox.failed(tx, item.id, "late"))
    assert not await db.write(lambda tx: outbox.retry(tx, item.id, 0, "late"))
    assert await claim(db) == []
    async with db.read() as tx:
        message = await conversations.message(tx, message_id)
    assert (message.delivery, message.channel_msg_id) == ("sent", "C1:9.0")


async def test_a_lost_process_leaves_its_message_uncertain(db: Database, new_customer: Any, say: Any) -> None:
    here = (await say(db, (await new_customer(db)).id)).conversation.id
    await answer(db, here, "1", "2")
    await claim(db, node="a", lease=0)
    (again,) = await claim(db, node="b")
    assert (again.text, again.uncertain, again.attempts) == ("1", True, 2)
    assert await db.write(lambda tx: outbox.release_all(tx, "b")) == 1
    (third,) = await claim(db, node="c")
    assert (third.text, third.uncertain, third.attempts) == ("1", True, 3)
    assert await db.write(lambda tx: outbox.release_all(tx, "b")) == 0


async def test_a_retry_waits_and_holds_later_messages_back(db: Database, new_customer: Any, say: Any) -> None:
    here = (await say(db, (await new_customer(db)).id)).conversation.id
    await answer(db, here, "1", "2")
    (item,) = await claim(db)
    assert await db.write(lambda tx: outbox.retry(tx, item.id, 3600, "429"))
    assert await claim(db) == []
    (message_id,) = await answer(db, (await say(db, (await new_customer(db)).id)).conversation.id, "other")
    assert [found.message_id for found in await claim(db)] == [message_id]


async def test_a_known_failure_before_sending_is_certain(db: Database, new_customer: Any, say: Any) -> None:
    here = (await say(db, (await new_customer(db)).id)).conversation.id
    await answer(db, here, "1")
    (item,) = await claim(db)
    await db.write(lambda tx: outbox.retry(tx, item.id, 0, "connection refused", node="a"))
    (item,) = await claim(db)
    assert not item.uncertain and item.error == "connection refused"
    await db.write(lambda tx: outbox.retry(tx, item.id, 0, "answer lost", uncertain=True))
    (item,) = await claim(db)
    assert item.uncertain


@pytest.mark.parametrize("end", [outbox.failed, outbox.unknown])
async def test_a_message_that_ended_badly_lets_the_next_one_through(
    db: Database, new_customer: Any, say: Any, end: Any
) -> None:
    here = (await say(db, (await new_customer(db)).id)).conversation.id
    first, second = await answer(db, here, "1", "2")
    (item,) = await claim(db)
    assert await db.write(lambda tx: end(tx, item.id, "no such channel"))
    assert await delivery(db, first) == end.__name__
    assert [found.message_id for found in await claim(db)] == [second]


async def test_what_the_customer_has_seen_stays_delivered(db: Database, new_customer: Any, say: Any) -> None:
    here = (await say(db, (await new_customer(db)).id)).conversation.id
    (message_id,) = await answer(db, here, "1")
    (item,) = await claim(db)
    await db.write(lambda tx: conversations.mark_delivered(tx, here, 9))
    await db.write(lambda tx: outbox.sent(tx, item.id, None))
    assert await delivery(db, message_id) == "delivered"
