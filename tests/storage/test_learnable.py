"""What models may learn from, and where each reply came from; on both kinds of database."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import update

from storage import conversations, suggestions
from storage.database import Database
from storage.exports import transcript_of
from storage.learnable import (
    Learnable,
    Shares,
    learnable,
    newest_learnable,
    reply_ids,
    reviewed_since,
    shares,
)
from storage.schema import customers
from storage.stamps import now
from storage.transcripts import uniform


async def reply(db: Database, conversation_id: UUID, text: str, **changes: Any) -> None:
    given = {"conversation_id": conversation_id, "kind": "agent", "text": text} | changes
    await db.write(lambda tx: conversations.post(tx, **given))


async def drafted(db: Database, received: Any, drafts: Any) -> Any:
    """An open suggestion for this message."""
    return await db.write(
        lambda tx: suggestions.record(
            tx,
            conversation_id=received.conversation.id,
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


async def send_draft(db: Database, received: Any, drafts: Any, final_text: str, account_id: UUID) -> None:
    """A draft for this message is sent, as it is or changed."""
    made = await drafted(db, received, drafts)
    await db.write(
        lambda tx: suggestions.decide_sent(
            tx, suggestion_id=made.id, position=0, final_text=final_text, account_id=account_id
        )
    )
    await reply(db, received.conversation.id, final_text, author_id=account_id)


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


async def test_a_turn_carries_the_drafts_that_it_decided(
    db: Database, new_customer: Any, say: Any, account: Any, drafts: Any
) -> None:
    customer = await new_customer(db)
    own = {"author_id": account.id}
    first = await say(db, customer.id, "Where is it?")
    here = first.conversation.id
    await send_draft(db, first, drafts, "It ships on Monday.", account.id)
    made = await drafted(db, await say(db, customer.id, "And the bill?"), drafts)
    await db.write(
        lambda tx: suggestions.reject(
            tx, suggestion_id=made.id, position=None, reason="wrong", account_id=account.id
        )
    )
    await reply(db, here, "I have sent it again.", **own)
    await reply(db, here, "To your address.", **own)
    left = await drafted(db, await say(db, customer.id, "Thanks"), drafts)
    await say(db, customer.id, "Bye")  # before anybody had decided
    await reply(db, here, "Bye!", **own)
    async with db.read() as tx:
        assert (await suggestions.suggestion(tx, left.id)).state == "stale"
    (one,) = await found(db)
    texts = [draft.text for draft in drafts]
    assert [[(draft.text, draft.outcome) for draft in turn.drafts] for turn in one.turns] == [
        [],
        [(texts[0], "edited"), *((text, "ignored") for text in texts[1:])],
        [],
        [(text, "rejected") for text in texts],
        [],
        [],
        [],
        [],
    ]
    assert len(texts) > 1
    row = uniform.row_of(transcript_of(one))
    assert row["turns"][3]["drafts"][0] == {"text": texts[0], "outcome": "rejected"}
    assert "drafts" not in row["turns"][4]
    assert uniform.parse(row) == transcript_of(one)


def test_drafts_of_another_form_are_told() -> None:
    turns = [{"role": "agent", "text": "Yes.", "drafts": [{"text": "No."}]}]
    with pytest.raises(ValueError, match=r'"drafts" of a turn must be a list of \{"text", "outcome"\}'):
        uniform.parse({"conversation_id": "1", "turns": turns})


async def test_the_log_is_counted_by_what_may_be_learned_from(
    db: Database, new_customer: Any, say: Any, account: Any
) -> None:
    made = {}
    for name in ("learned", "silent", "machine", "unanswered"):
        made[name] = (await say(db, (await new_customer(db, name)).id)).conversation
    await reply(db, made["learned"].id, "It left.", author_id=account.id)
    await reply(db, made["silent"].id, "It left.", author_id=account.id)
    await reply(db, made["machine"].id, "We are closed.", kind="bot", automatic=True)
    await reply(db, made["unanswered"].id, "Seen", kind="note", author_id=account.id)
    of_it = customers.c.id == made["silent"].customer_id
    await db.write(lambda tx: tx.execute(update(customers).where(of_it).values(learn_from=False)))
    old = [("customer", "Where is it?", None), ("agent", "It left.", None)]
    await db.write(lambda tx: conversations.import_conversation(tx, external_id="a:1", turns=old))
    async with db.read() as tx:
        assert await shares(tx) == Shares(
            conversations=5,
            imported=1,
            eligible=2,
            not_eligible={"no_consent": 1, "only_automatic": 1, "no_agent_reply": 1},
        )
    assert len(await found(db)) == 2


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
