from __future__ import annotations

import asyncio
from collections import Counter
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from storage import conversations, work
from storage.database import Database
from storage.errors import Conflict, InvalidText, NotFound, StorageError, TakenOver

ASIDE = "\N{RIGHT-TO-LEFT OVERRIDE}"
NAUGHTY = [
    "\N{FAMILY}\U0001f468\u200d\U0001f469\u200d\U0001f467 \U0001f1e9\U0001f1ea \U0001f44d\U0001f3fd",
    f"\u0645\u0631\u062d\u0628\u0627 {ASIDE}abc \u05e9\u05dc\u05d5\u05dd",
    "\u60a8\u597d\uff0c\u8ba2\u5355\u5728\u54ea\u91cc\uff1f",
    "'; DROP TABLE messages; --",
    "<script>alert(1)</script> <|agent|> %s {0} \\ \\u0000",
    "e\u0301 \u00e9 \ufeff\u200b \r\n\t\x01\x1b[31m",
    "x" * 8_000,
    "\U0001f600" * 8_000,
    " ",
    "",
]


async def test_fifty_messages_at_once_get_a_gap_free_seq(db: Database, new_customer: Any, say: Any) -> None:
    customer = await new_customer(db)
    received = await asyncio.gather(*(say(db, customer.id, f"message {n}") for n in range(50)))
    assert sorted(item.message.seq for item in received) == list(range(1, 51))
    assert len({item.conversation.id for item in received}) == 1
    assert Counter(item.created_conversation for item in received) == {False: 49, True: 1}
    async with db.read() as tx:
        conversation = await conversations.conversation(tx, received[0].conversation.id)
        assert (conversation.last_seq, conversation.last_customer_seq) == (50, 50)
        stored = await conversations.messages_after(tx, conversation.id, 0)
        assert [message.seq for message in stored] == list(range(1, 51))
        assert await work.depth(tx) == 50


async def test_fifty_customers_at_once_get_conversations_of_their_own(
    db: Database, new_customer: Any, say: Any
) -> None:
    customers = await asyncio.gather(*(new_customer(db) for _ in range(50)))
    received = await asyncio.gather(*(say(db, customer.id) for customer in customers))
    assert len({item.conversation.id for item in received}) == 50
    assert {item.message.seq for item in received} == {1}


async def test_receiving_and_posting_at_once_keeps_the_seq_gap_free(
    db: Database, new_customer: Any, say: Any
) -> None:
    customer = await new_customer(db)
    first = await say(db, customer.id)

    async def answer(number: int) -> None:
        await db.write(
            lambda tx: conversations.post(
                tx, conversation_id=first.conversation.id, kind="bot", text=f"answer {number}"
            )
        )

    await asyncio.gather(*(say(db, customer.id) for _ in range(20)), *(answer(n) for n in range(20)))
    async with db.read() as tx:
        stored = await conversations.messages_after(tx, first.conversation.id, 0)
    assert [message.seq for message in stored] == list(range(1, 42))


async def test_a_repeat_returns_the_stored_message_and_changes_nothing(
    db: Database, new_customer: Any, say: Any
) -> None:
    customer = await new_customer(db)
    first = await say(db, customer.id, "hello", client_msg_id="m1")
    await say(db, customer.id, "still there?", client_msg_id="m2")
    again = await say(db, customer.id, "hello", client_msg_id="m1")
    assert again.duplicate and not first.duplicate
    assert again.message == first.message
    assert again.conversation.last_seq == 2
    async with db.read() as tx:
        assert await work.depth(tx) == 2


async def test_a_repeat_after_a_restart_is_still_a_repeat(url: str, new_customer: Any, say: Any) -> None:
    db = await Database.open(url)
    customer = await new_customer(db)
    first = await say(db, customer.id, "hello", client_msg_id="m1")
    await db.close()
    db = await Database.open(url)
    again = await say(db, customer.id, "hello", client_msg_id="m1")
    await db.close()
    assert again.duplicate and again.message == first.message


async def test_one_message_sent_ten_times_at_once_is_stored_once(
    db: Database, new_customer: Any, say: Any
) -> None:
    customer = await new_customer(db)
    received = await asyncio.gather(*(say(db, customer.id, "hi", client_msg_id="m1") for _ in range(10)))
    assert Counter(item.duplicate for item in received) == {True: 9, False: 1}
    assert len({item.message.id for item in received}) == 1


async def test_the_same_client_msg_id_with_another_text_is_a_conflict(
    db: Database, new_customer: Any, say: Any
) -> None:
    customer = await new_customer(db)
    await say(db, customer.id, "hello", client_msg_id="m1")
    with pytest.raises(Conflict):
        await say(db, customer.id, "goodbye", client_msg_id="m1")
    with pytest.raises(Conflict):
        await say(db, customer.id, "goodbye", client_msg_id="m1", thread="elsewhere")


async def test_two_customers_may_choose_the_same_client_msg_id(
    db: Database, new_customer: Any, say: Any
) -> None:
    one, two = await new_customer(db), await new_customer(db)
    await say(db, one.id, "hello", client_msg_id="m1")
    assert not (await say(db, two.id, "goodbye", client_msg_id="m1")).duplicate


async def test_threads_and_channels_are_conversations_of_their_own(
    db: Database, new_customer: Any, say: Any
) -> None:
    customer = await new_customer(db)
    web = await say(db, customer.id)
    one = await say(db, customer.id, channel="slack", thread="C1:1.0")
    two = await say(db, customer.id, channel="slack", thread="C1:2.0")
    same = await say(db, customer.id, channel="slack", thread="C1:1.0")
    assert len({item.conversation.id for item in (web, one, two)}) == 3
    assert same.conversation.id == one.conversation.id and same.message.seq == 2
    async with db.read() as tx:
        found = await conversations.current_conversation(tx, customer.id, "slack", "C1:2.0")
        assert found == two.conversation and found is not None and found.thread == "C1:2.0"
        assert await conversations.current_conversation(tx, customer.id, "web") == web.conversation
        assert await conversations.current_conversation(tx, customer.id, "slack") is None


@pytest.mark.parametrize("status", ["resolved", "snoozed", "pending"])
async def test_a_new_message_reopens_the_conversation(
    db: Database, new_customer: Any, say: Any, status: Any
) -> None:
    customer = await new_customer(db)
    first = await say(db, customer.id)
    later = datetime(2999, 1, 1, tzinfo=UTC)
    asleep = await db.write(
        lambda tx: conversations.set_status(tx, first.conversation.id, status, snoozed_until=later)
    )
    assert asleep.status == status
    again = await say(db, customer.id)
    assert again.conversation.status == "open" and again.conversation.snoozed_until is None


async def test_naughty_text_comes_back_as_it_was(db: Database, new_customer: Any, say: Any) -> None:
    customer = await new_customer(db)
    for text in NAUGHTY:
        received = await say(db, customer.id, text)
        async with db.read() as tx:
            stored = await conversations.recent_messages(tx, received.conversation.id, 1)
        assert stored == [received.message] and stored[0].text == text
        assert (await say(db, customer.id, text, client_msg_id=received.message.client_msg_id)).duplicate


@pytest.mark.parametrize("text", ["a\0b", "\ud800", "half \udfff", "x" * 40_001])
async def test_text_that_a_database_can_not_hold_is_refused_without_being_quoted(
    db: Database, new_customer: Any, say: Any, text: str
) -> None:
    customer = await new_customer(db)
    with pytest.raises(InvalidText) as caught:
        await say(db, customer.id, text)
    assert text not in str(caught.value)
    with pytest.raises(InvalidText):
        await say(db, customer.id, client_msg_id=text[:3] + "\0")
    async with db.read() as tx:
        assert await conversations.current_conversation(tx, customer.id, "web") is None


async def test_nobody_unknown_is_received_or_answered(db: Database, new_customer: Any, say: Any) -> None:
    with pytest.raises(NotFound):
        await say(db, uuid4())
    with pytest.raises(NotFound):
        await db.write(lambda tx: conversations.post(tx, conversation_id=uuid4(), kind="note", text="psst"))
    received = await say(db, (await new_customer(db)).id)
    with pytest.raises(NotFound):
        await db.write(
            lambda tx: conversations.post(
                tx, conversation_id=received.conversation.id, kind="agent", text="hi", author_id=uuid4()
            )
        )


async def test_a_time_without_a_zone_is_refused(db: Database, new_customer: Any, say: Any) -> None:
    customer = await new_customer(db)
    with pytest.raises(StorageError):
        await say(db, customer.id, at=datetime(2026, 1, 1))
    at = datetime(2026, 1, 1, 12, 30, 1, 250, tzinfo=UTC)
    received = await say(db, customer.id, at=at)
    async with db.read() as tx:
        assert (await conversations.message(tx, received.message.id)).at == at


async def test_a_posted_repeat_is_stored_once(db: Database, new_customer: Any, say: Any) -> None:
    received = await say(db, (await new_customer(db)).id)

    async def post(text: str, kind: Any = "note") -> Any:
        return await db.write(
            lambda tx: conversations.post(
                tx, conversation_id=received.conversation.id, kind=kind, text=text, client_msg_id="n1"
            )
        )

    posted = await asyncio.gather(*(post("call back") for _ in range(5)))
    assert Counter(item.duplicate for item in posted) == {True: 4, False: 1}
    with pytest.raises(Conflict):
        await post("do not call back")
    with pytest.raises(Conflict):
        await post("call back", "agent")


async def test_the_bot_may_not_speak_once_a_person_took_over(
    db: Database, new_customer: Any, say: Any, account: Any
) -> None:
    received = await say(db, (await new_customer(db)).id)

    async def answer() -> Any:
        return await db.write(
            lambda tx: conversations.post(
                tx,
                conversation_id=received.conversation.id,
                kind="bot",
                text="hi",
                automatic=True,
                expect_owner="bot",
            )
        )

    assert (await answer()).message.automatic
    await db.write(lambda tx: conversations.take_over(tx, received.conversation.id, account.id))
    with pytest.raises(TakenOver):
        await answer()
    await db.write(lambda tx: conversations.hand_back(tx, received.conversation.id))
    assert (await answer()).conversation.owner == "bot"


async def test_an_agents_message_makes_a_person_the_owner(
    db: Database, new_customer: Any, say: Any, account: Any
) -> None:
    received = await say(db, (await new_customer(db)).id)
    assert received.conversation.owner == "bot"
    posted = await db.write(
        lambda tx: conversations.post(
            tx, conversation_id=received.conversation.id, kind="agent", text="hi", author_id=account.id
        )
    )
    assert posted.conversation.owner == "person" and posted.conversation.assignee_id == account.id
    assert posted.message.author_name == account.name and posted.message.delivery == "pending"
    async with db.read() as tx:
        assert await conversations.message(tx, posted.message.id) == posted.message
        assert await conversations.conversation(tx, received.conversation.id) == posted.conversation


async def test_catching_up_by_cursor_gives_every_message_once(
    db: Database, new_customer: Any, say: Any
) -> None:
    customer = await new_customer(db)
    for number in range(7):
        received = await say(db, customer.id, str(number))
    seen: list[str] = []
    cursor = 0
    async with db.read() as tx:
        while page := await conversations.messages_after(tx, received.conversation.id, cursor, limit=3):
            seen += [message.text for message in page]
            cursor = page[-1].seq
        latest = await conversations.recent_messages(tx, received.conversation.id, 2)
    assert seen == list("0123456")
    assert [message.text for message in latest] == ["5", "6"]


async def test_seen_messages_are_delivered_once(db: Database, new_customer: Any, say: Any) -> None:
    received = await say(db, (await new_customer(db)).id)
    posted = []
    for kind in ("bot", "note", "bot", "bot"):
        item = await db.write(
            lambda tx, kind=kind: conversations.post(
                tx, conversation_id=received.conversation.id, kind=kind, text="hi"
            )
        )
        posted.append(item.message)
    seen = await db.write(lambda tx: conversations.mark_delivered(tx, received.conversation.id, 4))
    assert seen == [posted[0].id, posted[2].id]
    assert await db.write(lambda tx: conversations.mark_delivered(tx, received.conversation.id, 4)) == []
    async with db.read() as tx:
        states = [
            item.delivery for item in await conversations.messages_after(tx, received.conversation.id, 0)
        ]
    assert states == ["none", "delivered", "none", "delivered", "pending"]


async def test_recent_messages_can_end_at_an_earlier_one(db: Database, new_customer: Any, say: Any) -> None:
    customer = await new_customer(db)
    received = [await say(db, customer.id, f"message {n}") for n in range(5)]
    conversation_id = received[0].conversation.id
    async with db.read() as tx:
        latest = await conversations.recent_messages(tx, conversation_id, 2)
        earlier = await conversations.recent_messages(tx, conversation_id, 2, up_to_seq=3)
    assert [message.seq for message in latest] == [4, 5]
    assert [message.seq for message in earlier] == [2, 3]
