"""What models may learn from, and where each reply came from; on both kinds of database."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import update

from storage import conversations, suggestions
from storage.database import Database
from storage.learnable import Learnable, learnable, newest_learnable, reply_ids, reviewed_since
from storage.schema import customers
from storage.stamps import now


async def reply(db: Database, conversation_id: UUID, text: str, **changes: Any) -> None:
    given = {"conversation_id": conversation_id, "kind": "agent", "text": text} | changes
    await db.write(lambda tx: conversations.post(tx, **given))


async def send_draft(db: Database, received: Any, drafts: Any, final_text: str, account_id: UUID) -> None:
    """A draft for this message is sent, as it is or changed."""
    here = received.conversation.id
    made = await db.write(
        lambda tx: suggestions.record(
            tx,
            conversation_id=here,
            message_id=received.message.id,
            based_on_seq=received.message.seq,
            model_version="v",
            mode="draft",
            decision="suggest",
            why="",
            latency_ms=1.0,
            candidates=drafts,
        )
    )
    await db.write(
        lambda tx: suggestions.decide_sent(
            tx, suggestion_id=made.id, position=0, final_text=final_text, account_id=account_id
        )
    )
    await reply(db, here, final_text, author_id=account_id)


async def found(db: Database, after: UUID | None = None, limit: int = 50) -> list[Learnable]:
    async with db.read() as tx:
        return await learnable(tx, after, limit)


async def test_the_ledger_tells_who_wrote_a_reply(
    db: Database, new_customer: Any, say: Any, account: Any, drafts: Any
) -> None:
    customer = await new_customer(db)
    first = await say(db, customer.id, "Where is it?")
    here = first.conversation.id
    await reply(db, here, "It ships today.", author_id=account.id)  # before any draft said so
    await send_draft(db, await say(db, customer.id, "Sure?"), drafts, "It ships today.", account.id)
    await send_draft(db, await say(db, customer.id, "Really?"), drafts, "It ships on Monday.", account.id)
    await reply(db, here, "I have asked.", author_id=account.id)
    await reply(db, here, "Seen with the depot", kind="note", author_id=account.id)
    await reply(db, here, "We are closed now.", kind="bot", automatic=True)
    (one,) = await found(db)
    assert one.id == here
    assert [(turn.role, turn.text, turn.origin) for turn in one.turns] == [
        ("customer", "Where is it?", None),
        ("agent", "It ships today.", "person"),
        ("customer", "Sure?", None),
        ("agent", "It ships today.", "accepted"),
        ("customer", "Really?", None),
        ("agent", "It ships on Monday.", "edited"),
        ("agent", "I have asked.", "person"),
        ("agent", "We are closed now.", "automatic"),
    ]
    assert [turn.author for turn in one.turns if turn.origin == "edited"] == [str(account.id)]
    assert one.turns[0].author is None and one.turns[-1].author is None
    assert one.turns[0].at == first.message.at


@pytest.mark.parametrize("kind", [None, "note", "bot"])
async def test_a_conversation_without_a_persons_reply_is_left_out(
    db: Database, new_customer: Any, say: Any, kind: str | None
) -> None:
    here = (await say(db, (await new_customer(db)).id)).conversation.id
    if kind is not None:
        await reply(db, here, "Hello", kind=kind, automatic=kind == "bot")
    assert await found(db) == []


async def test_who_does_not_allow_it_is_not_learned_from(
    db: Database, new_customer: Any, say: Any, account: Any
) -> None:
    received = await say(db, (await new_customer(db)).id)
    await reply(db, received.conversation.id, "It left.", author_id=account.id)
    assert len(await found(db)) == 1
    silent = update(customers).values(learn_from=False)
    await db.write(lambda tx: tx.execute(silent))
    assert await found(db) == []


async def test_pages_hold_every_conversation_once(
    db: Database, new_customer: Any, say: Any, account: Any
) -> None:
    made = []
    for number in range(5):
        received = await say(db, (await new_customer(db, f"Customer {number}")).id)
        await reply(db, received.conversation.id, f"Reply {number}", author_id=account.id)
        made.append(received.conversation.id)
    seen: list[UUID] = []
    while page := await found(db, seen[-1] if seen else None, limit=2):
        seen += [one.id for one in page]
    assert seen == sorted(made)


async def test_what_was_reviewed_since_a_time_is_counted_by_conversation(
    db: Database, new_customer: Any, say: Any, account: Any, drafts: Any
) -> None:
    customer = await new_customer(db)
    for words in ("Where is it?", "And when?"):
        received = await say(db, customer.id, words)
        await send_draft(db, received, drafts, drafts[0].text, account.id)
    async with db.read() as tx:
        assert await reviewed_since(tx, now() - timedelta(hours=1)) == 1
        assert await reviewed_since(tx, now() + timedelta(hours=1)) == 0


async def test_the_newest_come_first_and_their_replies_are_known_by_id(
    db: Database, new_customer: Any, say: Any
) -> None:
    ids, replies = [], []
    for number in range(3):
        asked = await say(db, (await new_customer(db)).id, f"Question {number}?")
        ids.append(asked.conversation.id)
        for text in ("A moment.", f"Answer {number}."):
            sent = {"conversation_id": ids[-1], "kind": "agent", "text": text}
            replies.append((await db.write(lambda tx, s=sent: conversations.post(tx, **s))).message.id)
    async with db.read() as tx:
        newest = await newest_learnable(tx, None, 2)
        rest = await newest_learnable(tx, newest[-1].id, 2)
        found = await reply_ids(tx, ids[:2])
    assert [one.id for one in (*newest, *rest)] == ids[::-1]
    assert set(found) == set(replies[:4])
