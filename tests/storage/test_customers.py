from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import func, select

from storage import conversations, knowledge, schema_admin, suggestions
from storage.database import Database
from storage.errors import Conflict, Invalid, InvalidText, NotFound


async def test_a_customer_is_found_by_token_and_by_name(db: Database, new_customer: Any) -> None:
    customer = await new_customer(db, token=b"\x01" * 32)
    slack = await db.write(
        lambda tx: conversations.customer_for(tx, channel="slack", external_id="U1", display_name="Bo")
    )
    again = await db.write(
        lambda tx: conversations.customer_for(tx, channel="slack", external_id="U1", display_name="Other")
    )
    assert slack == again and slack.display_name == "Bo"
    async with db.read() as tx:
        assert await conversations.customer_by_token(tx, b"\x01" * 32) == customer
        assert await conversations.customer_by_token(tx, b"\x02" * 32) is None
        assert await conversations.customer_by_identity(tx, "slack", "U1") == slack
        assert await conversations.customer_by_identity(tx, "web", "U1") is None
        assert await conversations.customer(tx, customer.id) == customer
        with pytest.raises(NotFound):
            await conversations.customer(tx, uuid4())


async def test_a_token_belongs_to_one_customer(db: Database, new_customer: Any) -> None:
    await new_customer(db, token=b"t" * 32)
    with pytest.raises(Conflict):
        await new_customer(db, token=b"t" * 32)


async def test_only_what_is_given_changes(db: Database, new_customer: Any) -> None:
    customer = await new_customer(db)
    changed = await db.write(
        lambda tx: conversations.update_customer(tx, customer.id, email="ada@example.com")
    )
    assert (changed.display_name, changed.email) == ("Ada", "ada@example.com")
    with pytest.raises(NotFound):
        await db.write(lambda tx: conversations.update_customer(tx, uuid4(), email="x"))


async def test_an_erased_customer_leaves_nothing_behind(
    db: Database, new_customer: Any, say: Any, account: Any, drafts: Any
) -> None:
    customer = await new_customer(db, token=b"t" * 32)
    received = await say(db, customer.id)
    here, asked = received.conversation.id, received.message.id

    async def everything(tx: Any) -> None:
        await knowledge.put_vectors(tx, "message", "m", {asked: b"1234"})
        made = await suggestions.record(
            tx,
            conversation_id=here,
            message_id=asked,
            based_on_seq=1,
            model_version="v",
            mode="draft",
            decision="suggest",
            why="",
            latency_ms=1,
            candidates=drafts,
        )
        await suggestions.decide_sent(
            tx, suggestion_id=made.id, position=0, final_text="hi", account_id=account.id
        )
        await conversations.post(tx, conversation_id=here, kind="agent", text="hi", author_id=account.id)

    await db.write(everything)
    other = await say(db, (await new_customer(db)).id)
    await db.write(lambda tx: conversations.erase_customer(tx, other.conversation.customer_id))
    await db.write(lambda tx: conversations.erase_customer(tx, customer.id))
    async with db.read() as tx:
        counts = {
            table.name: await tx.scalar(select(func.count()).select_from(table))
            for table in schema_admin.articles.metadata.sorted_tables
        }
    assert {name for name, count in counts.items() if count} == {"accounts"}
    with pytest.raises(NotFound):
        await db.write(lambda tx: conversations.erase_customer(tx, customer.id))


TURNS = [
    ("customer", "Where is my order?", None),
    ("agent", "It left on Monday.", datetime(2025, 5, 1, 12, tzinfo=UTC)),
    ("customer", "Thanks", None),
]


async def test_an_import_is_stored_once_resolved_and_owed_to_nobody(db: Database) -> None:
    async def load(turns: Any = TURNS) -> Any:
        return await db.write(
            lambda tx: conversations.import_conversation(
                tx, external_id="zendesk:1", turns=turns, meta={"customer_name": "Bo", "tags": ["old"]}
            )
        )

    first = await load()
    again = await load([*TURNS, ("agent", "more", None)])
    assert first.created and not again.created
    assert again.conversation == first.conversation
    kept = first.conversation
    assert (kept.status, kept.owner, kept.tags) == ("resolved", "person", ("old",))
    assert (kept.last_seq, kept.last_customer_seq, kept.channel) == (3, 3, "import")
    async with db.read() as tx:
        stored = await conversations.messages_after(tx, kept.id, 0)
        page = await conversations.list_conversations(tx)
    assert [(item.kind, item.text, item.seq) for item in stored] == [
        ("customer", "Where is my order?", 1),
        ("agent", "It left on Monday.", 2),
        ("customer", "Thanks", 3),
    ]
    assert stored[2].at - stored[1].at == timedelta(seconds=1)
    assert page.items[0].customer.display_name == "Bo" and page.items[0].unread == 0


async def test_imports_at_once_are_stored_once(db: Database) -> None:
    async def load() -> Any:
        return await db.write(lambda tx: conversations.import_conversation(tx, external_id="z1", turns=TURNS))

    results = await asyncio.gather(*(load() for _ in range(5)), return_exceptions=True)
    made = [result for result in results if not isinstance(result, Conflict)]
    assert sum(result.created for result in made) == 1
    async with db.read() as tx:
        assert len((await conversations.list_conversations(tx)).items) == 1


@pytest.mark.parametrize("turns", [[], [("robot", "hi", None)], [("customer", "a\0", None)]])
async def test_an_import_that_makes_no_sense_stores_nothing(db: Database, turns: Any) -> None:
    with pytest.raises((Invalid, InvalidText)):
        await db.write(lambda tx: conversations.import_conversation(tx, external_id="z1", turns=turns))
    async with db.read() as tx:
        assert (await conversations.list_conversations(tx)).items == ()
        assert await conversations.customer_by_identity(tx, "import", "z1") is None


async def test_models_may_learn_from_a_customer_who_did_not_say_no(db: Database, new_customer: Any) -> None:
    asked = await new_customer(db)
    silent = await db.write(
        lambda tx: conversations.create_customer(
            tx, display_name="Bo", token_hash=None, locale=None, learn_from=False
        )
    )
    async with db.read() as tx:
        assert (await conversations.customer(tx, asked.id)).learn_from is True
        assert (await conversations.customer(tx, silent.id)).learn_from is False
