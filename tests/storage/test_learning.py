"""What became of suggestions, summed by the database: the same on both kinds."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text, update

from storage import learning, model_versions, suggestions
from storage.database import Database
from storage.learning import DayTally
from storage.records import CandidateRecord, Suggestion
from storage.schema import suggestions as table

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
MONDAY = datetime(2026, 3, 2, 23, 30, tzinfo=UTC)

Made = Callable[..., Awaitable[Suggestion]]


@pytest.fixture
def made(db: Database, new_customer: Any, say: Any, read_as: Any) -> Made:
    """A suggestion for a new customer's message, made at a time."""

    async def make(
        texts: Sequence[str] = ("It ships today.", "Please wait."),
        *,
        at: datetime = MONDAY,
        version: str = "v1",
        decision: str = "suggest",
        intent: str | None = "order_status",
    ) -> Suggestion:
        received = await say(db, (await new_customer(db)).id)
        if intent is not None:
            await read_as(db, received.message.id, intent=intent, vector=b"0000")
        drafts = [CandidateRecord(at, text, text, 0.9, "generated") for at, text in enumerate(texts)]

        async def record(tx: Any) -> Suggestion:
            stored = await suggestions.record(
                tx,
                conversation_id=received.conversation.id,
                message_id=received.message.id,
                based_on_seq=received.message.seq,
                model_version=version,
                mode="draft",
                decision=decision,
                why="",
                latency_ms=1.0,
                candidates=drafts,
            )
            await tx.execute(update(table).where(table.c.id == stored.id).values(created_at=at))
            return replace(stored, created_at=at)

        return await db.write(record)

    return make


async def send(db: Database, made: Suggestion, position: int | None, text: str, who: UUID | None) -> None:
    await db.write(
        lambda tx: suggestions.decide_sent(
            tx, suggestion_id=made.id, position=position, final_text=text, account_id=who
        )
    )


async def reject(db: Database, made: Suggestion, position: int | None, who: UUID) -> None:
    await db.write(
        lambda tx: suggestions.reject(
            tx, suggestion_id=made.id, position=position, reason="tone", account_id=who
        )
    )


async def days(db: Database, **given: Any) -> list[DayTally]:
    async with db.read() as tx:
        return await learning.by_day(tx, **{"since": LONG_AGO} | given)


async def test_every_suggestion_has_one_fate(db: Database, made: Made, account: Any) -> None:
    await send(db, await made(), 0, "It ships today.\n", account.id)
    await send(db, await made(), 1, "Please wait a bit.", account.id)
    await send(db, await made(), None, "My own words", account.id)
    await reject(db, await made(), None, account.id)
    mixed = await made()
    await reject(db, mixed, 0, account.id)
    await send(db, mixed, 1, "Please wait.", account.id)
    given_up = await made()
    await reject(db, given_up, 0, account.id)
    await send(db, given_up, None, "Mine", account.id)
    await made()
    await made((), decision="silent")
    await send(db, await made(decision="silent"), None, "", None)
    await send(db, await made(decision="answer"), 0, "It ships today.\n(automatic)", None)
    (day,) = await days(db)
    assert (day.day, day.version) == (date(2026, 3, 2), "v1")
    told = day.tally
    assert (told.shown, told.accepted, told.edited) == (7, 2, 1)
    assert (told.rejected, told.ignored, told.silent, told.automatic) == (2, 1, 2, 1)


async def test_characters_saved_are_those_that_were_not_typed(db: Database, made: Made, account: Any) -> None:
    await send(db, await made(("It ships today. ✓",)), 0, " It ships today. ✓\n", account.id)
    await send(db, await made(("It ships today.",)), 0, "It ships on monday.", account.id)
    # nothing of a draft this long is kept by so short a text
    await send(db, await made(("A very long draft about something else.",)), 0, "No.", account.id)
    (day,) = await days(db)
    assert day.tally.sent == 17 + 19 + 3
    # "today" becomes "on monday" by five insertions and changes
    assert day.tally.saved == 17 + (19 - 5)
    assert 1.0 < day.tally.edit_distance < 1.5


async def test_days_are_those_of_utc_and_versions_stand_apart(db: Database, made: Made) -> None:
    await made(at=MONDAY)
    await made(at=MONDAY + timedelta(hours=1))
    await made(at=MONDAY + timedelta(hours=1), version="v2")
    found = [(one.day.day, one.version, one.tally.shown) for one in await days(db)]
    assert found == [(2, "v1", 1), (3, "v1", 1), (3, "v2", 1)]
    since = datetime(2026, 3, 3, tzinfo=UTC)
    assert [one.version for one in await days(db, since=since)] == ["v1", "v2"]


async def test_intents_are_told_apart_and_one_can_be_asked_for(
    db: Database, made: Made, account: Any
) -> None:
    await send(db, await made(), 0, "It ships today.", account.id)
    await made(intent="refund_status")
    await made(intent=None)
    async with db.read() as tx:
        found = await learning.by_intent(tx, since=LONG_AGO)
    assert {name: (one.shown, one.accepted) for name, one in found.items()} == {
        "order_status": (1, 1),
        "refund_status": (1, 0),
        "": (1, 0),
    }
    assert [one.tally.shown for one in await days(db, intent="refund_status")] == [1]
    assert await days(db, intent="unheard_of") == []


async def test_a_house_without_suggestions_has_no_days(db: Database) -> None:
    assert await days(db) == []
    async with db.read() as tx:
        assert await learning.by_intent(tx, since=LONG_AGO) == {}


async def test_only_versions_that_served_are_boundaries(db: Database) -> None:
    async def three(tx: Any) -> None:
        for name in ("a", "b", "c"):
            await model_versions.add_version(tx, version=name, parent=None, metrics={})
        await model_versions.promote(tx, "a")
        await model_versions.promote(tx, "b")

    await db.write(three)
    async with db.read() as tx:
        found = await learning.boundaries(tx)
    assert [(one.version, one.state) for one in found] == [("a", "retired"), ("b", "live")]


async def test_a_window_is_found_by_its_index(sqlite: Database) -> None:
    plan = "EXPLAIN QUERY PLAN SELECT id FROM suggestions WHERE created_at >= '2026-01-01' AND 1"
    async with sqlite.read() as tx:
        rows = await tx.all(text(plan))
    assert "ix_suggestions_created_at" in str([row["detail"] for row in rows])
