"""What may be learned from, page by page, and who wrote each reply."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from storage import conversations, suggestions
from storage.database import Database
from storage.learnable import Learnable, learnable, reviewed_since
from storage.records import Received
from storage.stamps import now


async def answer(db: Database, received: Received, text: str, account: Any, drafts: Any = None) -> None:
    """An agent answers: with the first draft of these as its text is, changed, or with words of their own."""

    async def work(tx: Any) -> None:
        posted = await conversations.post(
            tx, conversation_id=received.conversation.id, kind="agent", text=text, author_id=account.id,
            client_msg_id=f"a-{received.message.seq}",
        )  # fmt: skip
        assert not posted.duplicate
        if drafts is None:
            return
        made = await suggestions.record(
            tx, conversation_id=received.conversation.id, message_id=received.message.id,
            based_on_seq=received.message.seq, model_version="v1", mode="draft", decision="suggest",
            why="", latency_ms=1.0, candidates=drafts,
        )  # fmt: skip
        await suggestions.decide_sent(
            tx, suggestion_id=made.id, position=0, final_text=text, account_id=account.id
        )

    await db.write(work)


async def all_of(db: Database, limit: int = 200) -> list[Learnable]:
    found: list[Learnable] = []
    after: UUID | None = None
    while True:
        async with db.read() as tx:
            page = await learnable(tx, after, limit)
        if not page:
            return found
        found += page
        after = page[-1].id


async def test_who_wrote_a_reply_is_told_by_the_ledger(
    db: Database, new_customer: Any, say: Any, account: Any, drafts: Any
) -> None:
    customer = await new_customer(db)
    await answer(db, await say(db, customer.id, "Where is it?"), drafts[0].text, account, drafts)
    await answer(db, await say(db, customer.id, "And when?"), "Quite soon, I promise.", account, drafts)
    await answer(db, await say(db, customer.id, "Thanks"), "You are welcome.", account)
    await say(db, (await new_customer(db, "Bob")).id, "Nobody has answered me")
    (one,) = await all_of(db)
    assert one.customer_id == customer.id
    assert [(turn.role, turn.origin) for turn in one.turns] == [
        ("customer", None),
        ("agent", "accepted"),
        ("customer", None),
        ("agent", "edited"),
        ("customer", None),
        ("agent", "person"),
    ]
    assert {turn.author for turn in one.turns if turn.role == "agent"} == {account.id}
    async with db.read() as tx:
        assert await reviewed_since(tx, now() - timedelta(hours=1)) == 1
        assert await reviewed_since(tx, now() + timedelta(hours=1)) == 0


async def test_pages_hold_every_conversation_once(
    db: Database, new_customer: Any, say: Any, account: Any
) -> None:
    for number in range(5):
        received = await say(db, (await new_customer(db, f"c{number}")).id)
        await answer(db, received, f"Answer {number}", account)
    found = await all_of(db, limit=2)
    assert len({one.id for one in found}) == len(found) == 5
    assert found[0].turns[0].text == "Where is my parcel?"
