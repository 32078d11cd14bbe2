"""Erasing a customer's rows, and what others' drafts cite of them; on both kinds of database."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import func, select

from storage import conversations, erasure, knowledge, named_intents, schema_admin, suggestions
from storage.database import Database
from storage.errors import NotFound
from storage.records import CandidateRecord


def citing(position: int, *replies: UUID | str) -> CandidateRecord:
    cited = [{"kind": "reply", "id": str(one), "title": "It left", "score": 0.5} for one in replies]
    article = {"kind": "article", "id": str(uuid4()), "title": "Parcels", "score": 0.4}
    return CandidateRecord(position, "It left.", "It left.", 0.9, "reply", (*cited, article))


async def suggest(db: Database, received: Any, *drafts: CandidateRecord) -> Any:
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


@pytest.fixture
async def answered(db: Database, new_customer: Any, say: Any, account: Any, drafts: Any) -> Any:
    """(the customer's message, the reply to it) of somebody with a row in every table."""
    received = await say(db, (await new_customer(db, token=b"t" * 32)).id)
    here, asked = received.conversation.id, received.message.id
    await suggest(db, received, *drafts)

    async def more(tx: Any) -> UUID:
        await knowledge.put_vectors(tx, "message", "m", {asked: b"1234"})
        await named_intents.name_messages(tx, "parcels", [asked])
        reply = await conversations.post(
            tx, conversation_id=here, kind="agent", text="It left on Monday.", author_id=account.id
        )
        await knowledge.put_vectors(tx, "reply", "m", {reply.message.id: b"1234"})
        return reply.message.id

    return received, await db.write(more)


async def test_rows_are_counted_by_table_and_gone(db: Database, answered: Any) -> None:
    received, _ = answered
    customer_id = received.conversation.customer_id
    gone = await db.write(lambda tx: erasure.erase(tx, customer_id))
    assert gone == {
        "customers": 1,
        "customer_identities": 1,
        "conversations": 1,
        "messages": 2,
        "vectors": 2,
        "suggestions": 1,
        "candidates": 2,
        "outbox": 1,
        "work": 1,
        "named_intent_examples": 1,
    }
    async with db.read() as tx:
        left = {
            table.name: await tx.scalar(select(func.count()).select_from(table))
            for table in schema_admin.metadata.sorted_tables
        }
    assert {name for name, count in left.items() if count} == {"accounts", "named_intents"}
    with pytest.raises(NotFound):
        await db.write(lambda tx: erasure.erase(tx, customer_id))


async def test_what_was_said_is_told_as_training_takes_it(db: Database, answered: Any) -> None:
    received, reply = answered
    async with db.read() as tx:
        theirs = await erasure.theirs(tx, received.conversation.customer_id)
        with pytest.raises(NotFound):
            await erasure.theirs(tx, uuid4())
    said = (("customer", "Where is my parcel?"), ("agent", "It left on Monday."))
    assert theirs.said == {received.conversation.id: said}
    assert theirs.replies == {reply}


async def test_drafts_of_others_no_longer_cite_them(
    db: Database, new_customer: Any, say: Any, answered: Any, account: Any
) -> None:
    _, reply = answered
    other = await say(db, (await new_customer(db, "Bo")).id)
    theirs = await db.write(
        lambda tx: conversations.post(
            tx, conversation_id=other.conversation.id, kind="agent", text="Soon.", author_id=account.id
        )
    )
    kept = theirs.message.id
    third = await say(db, (await new_customer(db, "Cy")).id)
    made = await suggest(db, third, citing(0, reply, kept), citing(1, kept), citing(2, "shop/7"))
    async with db.read() as tx:
        places, last = await erasure.cited(tx, {reply})
        assert places == [(made.id, 0)] and last == made.id
        assert await erasure.cited(tx, {reply}, after=last) == ([], last)
        assert await erasure.cited(tx, set()) == ([], None)
    assert await db.write(lambda tx: erasure.uncite(tx, places, {reply})) == 1
    async with db.read() as tx:
        after = await suggestions.suggestion(tx, made.id)
    assert [[item["kind"] for item in draft.evidence] for draft in after.candidates] == [
        ["reply", "article"],
        ["reply", "article"],
        ["reply", "article"],
    ]
    assert after.candidates[0].evidence[0]["id"] == str(kept)


async def test_drafts_that_were_made_while_somebody_was_erased_do_not_cite_them(
    db: Database, new_customer: Any, say: Any, answered: Any
) -> None:
    received, reply = answered
    other = await say(db, (await new_customer(db, "Bo")).id)
    await db.write(lambda tx: erasure.erase(tx, received.conversation.customer_id))
    made = await suggest(db, other, citing(0, reply))
    assert [item["kind"] for item in made.candidates[0].evidence] == ["article"]


async def test_only_the_right_id_proves_an_erasure(db: Database, answered: Any) -> None:
    customer_id = answered[0].conversation.customer_id
    assert customer_id.hex not in erasure.subject(customer_id)
    assert erasure.subject(customer_id) != erasure.subject(uuid4())
    async with db.read() as tx:
        assert not await erasure.erased_before(tx, customer_id)


async def test_deleted_rows_are_not_left_in_the_sqlite_file(
    sqlite: Database, new_customer: Any, say: Any, tmp_path: Any
) -> None:
    customer = await new_customer(sqlite, "Zephyrine Quill")
    for number in range(30):
        await say(sqlite, customer.id, f"Xylograph {number} " * 200)
    await sqlite.write(lambda tx: erasure.erase(tx, customer.id))
    assert await sqlite.settle()
    held = b"".join(path.read_bytes() for path in tmp_path.glob("deskhand.db*"))
    assert b"Xylograph" not in held and b"Zephyrine" not in held
