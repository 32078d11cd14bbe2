"""The learning curve over the api: shares with intervals, recent days, boundaries, one intent alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update

from nlp.shares import of_share
from storage import analyses, conversations, model_versions, suggestions
from storage.database import Transaction
from storage.records import AnalysisRecord, CandidateRecord
from storage.schema import suggestions as table
from tests.bot.api.desk import Desk

PLACE = "/api/admin/learning"


async def decided(desk: Desk, *, back: int, version: str, sent: str | None, intent: str = "other") -> None:
    """A draft that was made some days ago, and what an agent sent of it; None says their own words."""

    async def store(tx: Transaction) -> None:
        made = await conversations.import_conversation(
            tx, external_id=f"{back}{version}{sent}{intent}", turns=[("customer", "When?", None)]
        )
        asked = (await conversations.messages_after(tx, made.conversation.id, 0))[0]
        reading = AnalysisRecord(asked.id, version, "en", 1.0, 0.1, 0.8, 0.1, intent, 0.9, (), 1.0)
        await analyses.save_analysis(tx, reading)
        stored = await suggestions.record(
            tx,
            conversation_id=made.conversation.id,
            message_id=asked.id,
            based_on_seq=1,
            model_version=version,
            mode="draft",
            decision="suggest",
            why="",
            latency_ms=1.0,
            candidates=[CandidateRecord(0, "It ships today.", "It ships today.", 0.9, "generated")],
        )
        position = None if sent is None else 0
        await suggestions.decide_sent(
            tx, suggestion_id=stored.id, position=position, final_text=sent or "Mine.", account_id=None
        )
        at = datetime.now(UTC) - timedelta(days=back)
        await tx.execute(update(table).where(table.c.id == stored.id).values(created_at=at))

    await desk.services.db.write(store)


def day(back: int) -> str:
    return (datetime.now(UTC).date() - timedelta(days=back)).isoformat()


async def test_a_house_without_suggestions_says_so(desk: Desk) -> None:
    found = await desk.json("GET", PLACE, headers=await desk.signed_in("admin"))
    assert (found["points"], found["intents"], found["boundaries"]) == ([], [], [])
    assert (found["total"]["acceptance"], found["total"]["low"], found["total"]["high"]) == (None, 0.0, 1.0)
    assert (found["since"], found["until"]) == (day(89), day(0))


async def test_points_hold_the_day_and_the_recent_days_of_their_version(desk: Desk) -> None:
    admin = await desk.signed_in("admin")
    for back, version, sent in (
        (20, "old", "It ships today."),
        (12, "old", None),
        (8, "old", "It ships now."),
        (6, "new", "It ships today."),
        (0, "new", "It ships today."),
        (0, "new", None),
    ):
        await decided(desk, back=back, version=version, sent=sent)
    found = await desk.json("GET", f"{PLACE}?days=30", headers=admin)
    assert [(p["day"], p["version"]) for p in found["points"]] == [
        (day(20), "old"),
        (day(12), "old"),
        (day(8), "old"),
        (day(6), "new"),
        (day(0), "new"),
    ]
    last = found["points"][-1]
    assert (last["counts"]["shown"], last["recent"]["shown"]) == (2, 3)
    assert last["recent"]["acceptance"] == pytest.approx(2 / 3)
    assert (last["recent"]["low"], last["recent"]["high"]) == pytest.approx(of_share(2 / 3, 3))
    third = found["points"][2]["recent"]
    assert (third["ignored"], third["edited"], third["acceptance"]) == (1, 1, 0.0)
    assert 0 < third["edit_distance"] < 1 and found["points"][1]["recent"]["edit_distance"] is None
    assert found["boundaries"] == [{"version": "new", "at": day(6), "state": None}]


async def test_a_version_that_was_made_in_the_window_is_a_boundary(desk: Desk) -> None:
    async def two(tx: Transaction) -> None:
        for name in ("quiet", "young"):
            await model_versions.add_version(tx, version=name, parent=None, metrics={})
            await model_versions.promote(tx, name)

    await desk.services.db.write(two)
    await decided(desk, back=0, version="young", sent=None)
    found = await desk.json("GET", PLACE, headers=await desk.signed_in("admin"))
    assert found["boundaries"] == [
        {"version": "quiet", "at": day(0), "state": "retired"},
        {"version": "young", "at": day(0), "state": "live"},
    ]


async def test_one_intent_alone_and_all_of_them(desk: Desk) -> None:
    admin: Any = await desk.signed_in("admin")
    await decided(desk, back=1, version="v", sent="It ships today.", intent="order_status")
    await decided(desk, back=1, version="v", sent=None, intent="refund_status")
    found = await desk.json("GET", f"{PLACE}?intent=order_status", headers=admin)
    assert (found["intent"], found["total"]["shown"], found["total"]["acceptance"]) == (
        "order_status",
        1,
        1.0,
    )
    assert [one["intent"] for one in found["intents"]] == ["order_status", "refund_status"]
    await desk.json("GET", f"{PLACE}?intent=unheard_of", status=422, headers=admin)
    await desk.json("GET", f"{PLACE}?days=0", status=422, headers=admin)
