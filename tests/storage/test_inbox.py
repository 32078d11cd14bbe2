from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import event

from storage import conversations
from storage.database import Database
from storage.errors import InvalidCursor, NotFound
from storage.records import AnalysisRecord, EntityRecord


def reading(message_id: Any, negative: float = 0.8) -> AnalysisRecord:
    return AnalysisRecord(
        message_id=message_id,
        model_version="starter-1",
        language="en",
        language_score=0.99,
        negative=negative,
        neutral=0.1,
        positive=0.9 - negative,
        intent="order_status",
        intent_score=0.7,
        entities=(EntityRecord("order_id", "TT-1", 6, 10, "TT-1", 1.0, "recogniser"),),
        latency_ms=12.5,
    )


async def test_pages_list_newest_activity_first_without_loss_or_repeat(
    db: Database, new_customer: Any, say: Any
) -> None:
    expected = [(await say(db, (await new_customer(db)).id)).conversation.id for _ in range(7)]
    seen = []
    cursor = None
    while True:
        async with db.read() as tx:
            page = await conversations.list_conversations(tx, limit=3, before=cursor)
        seen += [item.conversation.id for item in page.items]
        cursor = page.next
        if cursor is None:
            break
    assert seen == expected[::-1]


async def test_conversations_of_the_same_moment_are_paged_by_id(db: Database) -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    for number in range(5):
        await db.write(
            lambda tx, number=number: conversations.import_conversation(
                tx, external_id=f"t{number}", turns=[("customer", "hi", at)]
            )
        )
    seen: set[Any] = set()
    cursor = None
    for _ in range(5):
        async with db.read() as tx:
            page = await conversations.list_conversations(tx, limit=1, before=cursor)
        seen.add(page.items[0].conversation.id)
        cursor = page.next
    assert len(seen) == 5 and cursor is None


async def test_a_line_shows_the_last_words_the_mood_and_what_is_unread(
    db: Database, new_customer: Any, say: Any, account: Any
) -> None:
    customer = await new_customer(db)
    received = await say(db, customer.id, "Where is it?")
    here = received.conversation.id

    async def line() -> Any:
        async with db.read() as tx:
            return await conversations.summary(tx, here)

    assert (await line()).mood is None
    await db.write(lambda tx: conversations.save_analysis(tx, reading(received.message.id)))
    await db.write(lambda tx: conversations.post(tx, conversation_id=here, kind="note", text="psst"))
    shown = await line()
    assert shown.last_message == received.message
    assert (shown.customer, shown.mood, shown.unread) == (customer, "negative", 1)
    await say(db, customer.id, "Hello?")
    shown = await line()
    assert (shown.last_message.text, shown.mood, shown.unread) == ("Hello?", None, 2)
    await db.write(
        lambda tx: conversations.post(
            tx, conversation_id=here, kind="agent", text="On its way", author_id=account.id
        )
    )
    shown = await line()
    assert (shown.last_message.text, shown.unread) == ("On its way", 0)
    async with db.read() as tx:
        page = await conversations.list_conversations(tx)
        assert page.items == (shown,) and page.next is None
        assert await conversations.summary(tx, uuid4()) is None


async def test_the_inbox_is_filtered_by_status_and_assignee(
    db: Database, new_customer: Any, say: Any, account: Any
) -> None:
    mine, free, done = [(await say(db, (await new_customer(db)).id)).conversation.id for _ in range(3)]
    await db.write(lambda tx: conversations.take_over(tx, mine, account.id))
    await db.write(lambda tx: conversations.set_status(tx, done, "resolved"))

    async def listed(**filters: Any) -> set[Any]:
        async with db.read() as tx:
            page = await conversations.list_conversations(tx, **filters)
        return {item.conversation.id for item in page.items}

    assert await listed() == {mine, free, done}
    assert await listed(status="open") == {mine, free}
    assert await listed(assignee=account.id) == {mine}
    assert await listed(assignee="none") == {free, done}
    assert await listed(assignee="none", status="resolved") == {done}


@pytest.mark.parametrize("cursor", ["", "nonsense", "2026-01-01~x", "2026-01-01T00:00:00~" + "0" * 32])
async def test_a_cursor_of_somebody_elses_is_refused(db: Database, cursor: str) -> None:
    async with db.read() as tx:
        with pytest.raises(InvalidCursor):
            await conversations.list_conversations(tx, before=cursor)


async def test_a_page_is_one_query_however_long_it_is(sqlite: Database, new_customer: Any, say: Any) -> None:
    for _ in range(20):
        await say(sqlite, (await new_customer(sqlite)).id)
    queries: list[str] = []

    @event.listens_for(sqlite._engine.sync_engine, "before_cursor_execute")
    def _seen(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if statement != "BEGIN":
            queries.append(statement)

    async with sqlite.read() as tx:
        page = await conversations.list_conversations(tx)
    assert len(page.items) == 20 and len(queries) == 1


async def test_a_conversation_is_set_up_and_handed_over(
    db: Database, new_customer: Any, say: Any, account: Any
) -> None:
    here = (await say(db, (await new_customer(db)).id)).conversation.id
    await db.write(lambda tx: conversations.set_priority(tx, here, "urgent"))
    await db.write(lambda tx: conversations.set_tags(tx, here, [" vip ", "refund", "vip", ""]))
    await db.write(lambda tx: conversations.set_status(tx, here, "snoozed"))
    handed = await db.write(lambda tx: conversations.mark_handoff(tx, here, "very_angry"))
    assert (handed.priority, handed.tags, handed.status) == ("urgent", ("vip", "refund"), "open")
    assert (handed.owner, handed.handoff_reason, handed.assignee_id) == ("person", "very_angry", None)
    assigned = await db.write(lambda tx: conversations.assign(tx, here, account.id))
    assert assigned.assignee_id == account.id
    assert (await db.write(lambda tx: conversations.assign(tx, here, None))).assignee_id is None
    with pytest.raises(NotFound):
        await db.write(lambda tx: conversations.assign(tx, here, uuid4()))
    with pytest.raises(NotFound):
        await db.write(lambda tx: conversations.set_tags(tx, uuid4(), []))


async def test_sleepers_wake_when_their_time_has_come(db: Database, new_customer: Any, say: Any) -> None:
    early, late = [(await say(db, (await new_customer(db)).id)).conversation.id for _ in range(2)]
    for conversation_id, hours in ((early, -1), (late, 1)):
        until = datetime.now(UTC) + timedelta(hours=hours)
        await db.write(
            lambda tx, c=conversation_id, u=until: conversations.set_status(tx, c, "snoozed", snoozed_until=u)
        )
    assert await db.write(conversations.wake_snoozed) == [early]
    assert await db.write(conversations.wake_snoozed) == []


async def test_a_reading_and_its_embedding_come_back(db: Database, new_customer: Any, say: Any) -> None:
    received = await say(db, (await new_customer(db)).id, "Order TT-1")
    first, second = reading(received.message.id), reading(received.message.id, 0.1)
    await db.write(lambda tx: conversations.save_analysis(tx, first, embedding=b"\0\0\x80?"))
    async with db.read() as tx:
        assert await conversations.analysis_of(tx, [received.message.id, uuid4()]) == {
            received.message.id: first
        }
        assert await conversations.embeddings_of(tx, [received.message.id, uuid4()]) == {
            received.message.id: b"\0\0\x80?"
        }
        assert await conversations.analysis_of(tx, []) == {}
    await db.write(lambda tx: conversations.save_analysis(tx, second))
    async with db.read() as tx:
        assert (await conversations.analysis_of(tx, [received.message.id])).popitem()[1] == second
    with pytest.raises(NotFound):
        await db.write(lambda tx: conversations.save_analysis(tx, reading(uuid4())))
