from __future__ import annotations

import asyncio
from typing import Any

import pytest

from storage import outbox, work
from storage.database import Database
from storage.errors import NotFound
from storage.records import WorkItem


async def claim(db: Database, *, limit: int = 100, node: str = "a", lease: float = 60) -> list[WorkItem]:
    return await db.write(lambda tx: work.claim(tx, limit=limit, node=node, lease_seconds=lease))


async def test_claims_never_hand_out_two_works_of_a_conversation(
    db: Database, new_customer: Any, say: Any
) -> None:
    customers = [await new_customer(db) for _ in range(6)]
    await asyncio.gather(*(say(db, customer.id) for customer in customers for _ in range(5)))
    held: set[Any] = set()
    order: dict[Any, list[int]] = {}

    async def node(name: str) -> None:
        while sum(map(len, order.values())) < 30:
            for item in await claim(db, limit=3, node=name):
                assert item.conversation_id not in held
                held.add(item.conversation_id)
                await asyncio.sleep(0.001)
                order.setdefault(item.conversation_id, []).append(item.attempts)
                # given up by us before the row goes: from then on another node may hold it
                held.discard(item.conversation_id)
                assert await db.write(lambda tx, i=item: work.finish(tx, i.id))

    async with asyncio.timeout(60):
        await asyncio.gather(*(node(name) for name in "abcd"))
    async with db.read() as tx:
        assert await work.depth(tx) == 0
    assert order == {key: [1] * 5 for key in order} and len(order) == 6


async def test_two_nodes_that_claim_at_once_get_different_works(
    db: Database, new_customer: Any, say: Any
) -> None:
    for _ in range(10):
        await say(db, (await new_customer(db)).id)
    claimed = await asyncio.gather(*(claim(db, limit=4, node=name) for name in "abc"))
    ids = [item.id for items in claimed for item in items]
    assert len(ids) == len(set(ids))


async def test_works_of_a_conversation_come_in_the_order_of_its_messages(
    db: Database, new_customer: Any, say: Any
) -> None:
    customer = await new_customer(db)
    expected = [(await say(db, customer.id)).message.id for _ in range(4)]
    seen = []
    while items := await claim(db):
        assert len(items) == 1
        seen.append(items[0].message_id)
        await db.write(lambda tx: work.finish(tx, items[0].id))
    assert seen == expected


async def test_a_lost_process_gives_its_work_back_when_the_lease_ends(
    db: Database, new_customer: Any, say: Any
) -> None:
    await say(db, (await new_customer(db)).id)
    lost = await claim(db, node="a", lease=0)
    again = await claim(db, node="b")
    assert [item.id for item in again] == [item.id for item in lost] and again[0].attempts == 2
    assert await claim(db, node="c") == []
    assert not await db.write(lambda tx: work.finish(tx, lost[0].id, node="a"))
    assert not await db.write(lambda tx: work.retry(tx, lost[0].id, 0, "late", node="a"))
    assert await db.write(lambda tx: work.finish(tx, lost[0].id, node="b"))


async def test_a_restarted_node_releases_what_it_held(db: Database, new_customer: Any, say: Any) -> None:
    for _ in range(3):
        await say(db, (await new_customer(db)).id)
    await claim(db, limit=2, node="a")
    await claim(db, limit=1, node="b")
    assert await db.write(lambda tx: work.release_all(tx, "a")) == 2
    assert len(await claim(db, node="c")) == 2


async def test_a_retried_work_waits_and_holds_up_its_conversation_only(
    db: Database, new_customer: Any, say: Any
) -> None:
    customer = await new_customer(db)
    for _ in range(2):
        await say(db, customer.id)
    (item,) = await claim(db)
    assert await db.write(lambda tx: work.retry(tx, item.id, 3600, "no model"))
    other = await say(db, (await new_customer(db)).id)
    assert [found.message_id for found in await claim(db)] == [other.message.id]
    async with db.read() as tx:
        assert await work.depth(tx) == 3


async def test_a_dead_work_lets_the_next_one_through(db: Database, new_customer: Any, say: Any) -> None:
    customer = await new_customer(db)
    await say(db, customer.id)
    second = await say(db, customer.id)
    (item,) = await claim(db)
    assert await db.write(lambda tx: work.give_up(tx, item.id, "x" * 10_000))
    assert [found.message_id for found in await claim(db)] == [second.message.id]


async def test_work_can_be_added_to_what_is_known(db: Database, new_customer: Any, say: Any) -> None:
    received = await say(db, (await new_customer(db)).id)
    where = {"conversation_id": received.conversation.id, "message_id": received.message.id}
    added = await db.write(lambda tx: work.add(tx, kind="reread", **where))
    (first,) = await claim(db)
    await db.write(lambda tx: work.finish(tx, first.id))
    (second,) = await claim(db)
    assert (second.id, second.kind) == (added, "reread")
    unknown = where | {"conversation_id": received.message.id}
    with pytest.raises(NotFound):
        await db.write(lambda tx: work.add(tx, kind="reread", **unknown))
    async with db.read() as tx:
        assert await outbox.depth(tx) == 0
