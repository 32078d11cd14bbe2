"""A candidate in shadow, with real rows, serving and statistics: only the models are fakes."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from bot import evidence, shadow
from bot.shadow import Standing
from bot.stages import Stages
from nlp.serving import MOST_ASIDE, Serving
from nlp.types import Analysis, Draft, ReplyRequest
from storage import erasure, model_versions
from storage import shadow as rows
from storage.errors import Conflict
from tests.bot.house import House
from tests.bot.staged import ADA, CANDIDATE, CHAMPION, Tried, publish, tried, unloadable
from tests.fakes import FakeBrain, until

SENT = "It left our house on Monday."


@pytest.fixture
async def desk(house: House, tmp_path: Path) -> AsyncIterator[Tried]:
    async with tried(house, tmp_path) as opened:
        yield opened


async def standing(desk: Tried) -> Standing:
    return await shadow.standing(desk.house.db, await desk.last())


async def test_a_planted_worse_candidate_is_told_worse_and_a_better_one_better(desk: Tried) -> None:
    stage = await desk.stages.begin("shadow", CANDIDATE, ADA)
    assert (stage.champion, stage.share) == (CHAMPION, 1.0)
    await desk.moments(20, champion="Please wait.", candidate=SENT, sent=SENT)
    await desk.stages.tick()
    found = await standing(desk)
    assert (found.drafted, found.own.moments, found.own.verdict) == (20, 20, "better")
    assert (round(found.own.candidate, 3), found.own.champion < 0.3) == (1.0, True)
    await desk.stages.stop(ADA)
    desk.shelf.brains.append(desk.candidate)
    await desk.stages.begin("shadow", CANDIDATE, ADA)
    await desk.moments(20, champion=SENT, candidate="Please wait.", sent=SENT)
    await desk.stages.tick()
    assert (await standing(desk)).own.verdict == "worse"


async def test_what_agents_took_from_the_champion_does_not_count_for_the_verdict(desk: Tried) -> None:
    await desk.stages.begin("shadow", CANDIDATE, ADA)
    await desk.answers(await desk.asks(SENT, "Please wait."), SENT, position=0)
    lightly = await desk.asks(SENT, "Please wait.")
    await desk.answers(lightly, f"{SENT} Best, Moira", position=0)
    heavily = await desk.asks(SENT, "Please wait.")
    await desk.answers(heavily, "Could you tell me your order number, please?", position=0)
    own = await desk.asks(SENT, "Please wait.")
    await desk.answers(own, "Please wait.")
    await desk.asks(SENT, "Nobody has answered this one yet.")
    await desk.stages.tick()
    found = await standing(desk)
    assert (found.drafted, found.every.moments, found.own.moments) == (5, 4, 2)
    assert found.own.said().startswith("too few yet: at least 18 more moments")
    assert found.own.candidate > found.own.champion
    assert found.every.champion > found.own.champion, "what they took from it stands beside the verdict"


async def test_a_moment_that_the_customer_overtook_is_none(desk: Tried) -> None:
    await desk.stages.begin("shadow", CANDIDATE, ADA)
    first = await desk.asks(SENT, SENT)
    house = desk.house
    house.customer = await _customer_of(house, first)
    await house.says("And my refund?")
    await desk.answers(first, SENT)
    await desk.stages.tick()
    assert (await standing(desk)).every.moments == 0


async def _customer_of(house: House, received: Any) -> Any:
    from storage import conversations

    async with house.db.read() as tx:
        return await conversations.customer(tx, received.conversation.customer_id)


async def test_only_its_share_of_the_messages_is_drafted_for(house: House, tmp_path: Path) -> None:
    async with tried(house, tmp_path, shadow_percent=25) as desk:
        await desk.stages.begin("shadow", CANDIDATE, ADA)
        for _ in range(60):
            await desk.asks()
        assert 5 <= len(desk.candidate.requests) <= 25
        assert len(desk.champion.requests) == 60


class Slow(FakeBrain):
    """Waits to be let go, and notes in one list what is done, and by whom."""

    def __init__(self, version: str, done: list[str]) -> None:
        super().__init__(version)
        self.done, self.go = done, threading.Event()
        self.go.set()

    def understand(self, texts: Sequence[str]) -> list[Analysis]:
        self.go.wait(10)
        self.done.extend(f"{self.version} reads {text}" for text in texts)
        return super().understand(texts)

    def suggest(self, requests: Sequence[ReplyRequest]) -> list[list[Draft]]:
        self.done.extend(f"{self.version} drafts" for _ in requests)
        return super().suggest(requests)


async def test_who_waits_comes_first_and_a_busy_house_leaves_shadows_out() -> None:
    done: list[str] = []
    live, other = Slow("live", done), Slow("other", done)
    serving = await Serving.start(lambda: live)
    await serving.seat(lambda: other)
    live.go.clear()

    async def read(text: str) -> None:
        async with serving.lease() as brain:
            await brain.understand(text)

    first = asyncio.create_task(read("first"))
    await until(lambda: serving.queue_depth == 0)
    shadows = [
        asyncio.create_task(serving.aside(lambda brain: brain.understand(["aside"])))
        for _ in range(MOST_ASIDE + 3)
    ]
    await asyncio.sleep(0)
    later = [asyncio.create_task(read(f"later {at}")) for at in range(3)]
    await asyncio.sleep(0)
    assert serving.queue_depth == 3, "what is done on the side is nobody's queue"
    live.go.set()
    await asyncio.gather(first, *later)
    assert [text for text in done if text.startswith("other")] == [], "no shadow before somebody who waits"
    results = await asyncio.gather(*shadows, return_exceptions=True)
    assert sum(isinstance(one, Exception) for one in results) == 3
    assert done == [
        "live reads first",
        *(f"live reads later {at}" for at in range(3)),
        *["other reads aside"] * MOST_ASIDE,
    ]
    await serving.close()


async def test_an_erasure_takes_the_drafts_with_it(desk: Tried) -> None:
    stage = await desk.stages.begin("shadow", CANDIDATE, ADA)
    gone, kept = await desk.asks(SENT, SENT), await desk.asks(SENT, SENT)
    customer_id = gone.conversation.customer_id
    counts = await desk.house.db.write(lambda tx: erasure.erase(tx, customer_id))
    assert counts["shadow_drafts"] == 1
    await desk.answers(kept, SENT)
    async with desk.house.db.read() as tx:
        assert await rows.drafted(tx, stage.id) == 1
        assert [one.message_id for one in await rows.waiting(tx, stage.id)] == [kept.message.id]


async def test_a_message_that_is_erased_while_it_is_drafted_for_harms_nothing(desk: Tried) -> None:
    await desk.stages.begin("shadow", CANDIDATE, ADA)
    desk.candidate.delay = 0.2
    received = asyncio.create_task(desk.asks())
    await until(lambda: bool(desk.stages._shadow._drafting))
    async with desk.house.db.read() as tx:
        customers = await _customers(tx)
    for one in customers:
        await desk.house.db.write(lambda tx, one=one: erasure.erase(tx, one))
    await received
    assert (await desk.last()).errors == 0 and (await standing(desk)).drafted == 0


async def _customers(tx: Any) -> list[Any]:
    from sqlalchemy import select

    from storage.schema import conversations

    return [row["customer_id"] for row in await tx.all(select(conversations.c.customer_id))]


async def test_a_restart_goes_on_with_it(house: House, tmp_path: Path) -> None:
    async with tried(house, tmp_path) as before:
        begun = await before.stages.begin("shadow", CANDIDATE, ADA)
        await before.answers(await before.asks("Please wait.", SENT), SENT)
    async with tried(house, tmp_path) as after:
        assert after.serving.guest is None
        await after.stages.tick()
        assert after.serving.guest == CANDIDATE
        assert (await standing(after)).own.moments == 1, "what was answered meanwhile is measured"
        await after.answers(await after.asks("Please wait.", SENT), SENT)
        await after.stages.tick()
        assert (await standing(after)).own.moments == 2
        stage = await after.stage()
        assert stage is not None and stage.id == begun.id


async def test_another_node_loads_it_too_and_lets_it_go(desk: Tried, tmp_path: Path) -> None:
    async with tried(desk.house, tmp_path) as other:
        await desk.stages.begin("shadow", CANDIDATE, ADA)
        await other.stages.tick()
        assert (desk.serving.guest, other.serving.guest) == (CANDIDATE, CANDIDATE)
        await desk.stages.stop(ADA)
        await other.stages.tick()
        assert (desk.serving.guest, other.serving.guest) == (None, None)
    last = await desk.last()
    assert (last.state, last.reason) == ("stopped", "stopped by ada@example.com")
    assert [entry.action for entry in await desk.log()] == ["model_shadow_begun", "model_shadow_stopped"]


async def test_a_candidate_that_can_not_be_loaded_does_not_begin(house: House, tmp_path: Path) -> None:
    async with tried(house, tmp_path, unloadable()) as desk:
        with pytest.raises(Conflict, match="damaged"):
            await desk.stages.begin("shadow", CANDIDATE, ADA)
        assert await desk.stage() is None and desk.serving.version == CHAMPION


async def test_one_that_breaks_later_ends_its_shadow_and_the_champion_serves_on(
    house: House, tmp_path: Path
) -> None:
    async with tried(house, tmp_path) as desk:
        await desk.stages.begin("shadow", CANDIDATE, ADA)
    async with tried(house, tmp_path, unloadable()) as desk:
        await desk.stages.follow()
        last = await desk.last()
        assert (last.state, last.reason) == (
            "returned",
            "it could not be loaded: reply/model.safetensors is damaged",
        )
        received = await desk.asks(SENT)
        await desk.answers(received, SENT, position=0)
    async with tried(house, tmp_path, RuntimeError("anything")) as desk:
        desk.shelf.brains.insert(0, desk.candidate)
        await desk.stages.begin("shadow", CANDIDATE, ADA)
        desk.candidate.broken = RuntimeError("anything")
        for _ in range(evidence.FEWEST_ERRORS):
            await desk.asks(SENT)
        await desk.stages.tick()
        last = await desk.last()
        assert (last.state, last.reason) == ("returned", "its models failed on 5 of 5 messages")
        assert (await desk.log())[-1].action == "model_returned"
        assert desk.serving.guest is None and desk.serving.version == CHAMPION


async def test_what_may_not_begin_says_why(desk: Tried, tmp_path: Path) -> None:
    with pytest.raises(Conflict, match="no model version is called"):
        await desk.stages.begin("shadow", "2026-01-01-9", ADA)
    with pytest.raises(Conflict, match="serves already"):
        await desk.stages.begin("shadow", "starter", ADA)
    with pytest.raises(Conflict, match="no candidate is in shadow"):
        await desk.stages.stop(ADA)
    await desk.stages.begin("shadow", CANDIDATE, ADA)
    publish(tmp_path, "2026-11-29-2")
    with pytest.raises(Conflict, match=f"{CANDIDATE} is in shadow; stop it first"):
        await desk.stages.begin("canary", "2026-11-29-2", ADA)
    fresh = Stages(desk.house.db, desk.stages._settings, Serving(), desk.brains, desk.promotion)
    with pytest.raises(Conflict, match="still loading"):
        await fresh.begin("shadow", CANDIDATE, ADA)


async def test_a_candidate_that_learned_from_an_erased_customer_is_let_go(desk: Tried) -> None:
    await desk.stages.begin("shadow", CANDIDATE, ADA)
    await desk.house.db.write(lambda tx: model_versions.taint(tx, [CANDIDATE]))
    await desk.stages.tick()
    assert (await desk.last()).reason == "it has learned from a customer who was erased since"
    assert desk.serving.guest is None


async def test_another_champion_ends_the_comparison(desk: Tried) -> None:
    await desk.stages.begin("shadow", CANDIDATE, ADA)
    await desk.serving.swap(lambda: FakeBrain("2026-11-29-7"))
    await desk.stages.tick()
    last = await desk.last()
    assert (last.state, last.reason) == (
        "stopped",
        f"2026-11-29-7 serves now, and it was compared with {CHAMPION}",
    )


async def test_at_a_look_a_worse_one_returns_by_itself_and_a_good_one_is_ready(
    desk: Tried, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evidence, "FIRST_LOOK", 20)
    await desk.stages.begin("shadow", CANDIDATE, ADA)
    await desk.moments(19, champion="Please wait.", candidate=SENT, sent=SENT)
    await desk.stages.tick()
    stage = await desk.stage()
    assert stage is not None and (stage.looks, stage.ready_at) == (0, None), (
        "clear, but it is no time to look"
    )
    await desk.moments(1, champion="Please wait.", candidate=SENT, sent=SENT)
    await desk.stages.tick()
    stage = await desk.stage()
    assert stage is not None and stage.looks == 1 and stage.ready_at is not None
    await desk.stages.stop(ADA)
    desk.shelf.brains.append(desk.candidate)
    await desk.stages.begin("shadow", CANDIDATE, ADA)
    await desk.moments(20, champion=SENT, candidate="Please wait.", sent=SENT)
    await desk.stages.tick()
    last = await desk.last()
    assert last.state == "returned" and str(last.reason).startswith("in shadow it was worse: -0.")
    assert [entry.action for entry in await desk.log()] == [
        "model_shadow_begun",
        "model_shadow_passed",
        "model_shadow_stopped",
        "model_shadow_begun",
        "model_returned",
    ]
