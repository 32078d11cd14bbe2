"""A candidate as a canary, with real rows, serving and statistics: only the models are fakes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from bot import automatic, canary, evidence
from bot.canary import serves
from bot.evidence import Arm
from bot.messages import Inbound
from bot.schedule import SCHEDULE_KEY, Schedule
from bot.worker import Worker
from nlp.registry import Registry
from storage import conversations, model_versions, settings_store, suggestions
from storage.errors import Conflict
from storage.records import Stage, Suggestion
from tests.bot.house import House
from tests.bot.reviewed import all_good, reviewed
from tests.bot.staged import ADA, CANDIDATE, CHAMPION, Tried, tried, unloadable
from tests.fakes import draft

SENT = "It left our house on Monday."


@pytest.fixture
async def desk(house: House, tmp_path: Path) -> AsyncIterator[Tried]:
    async with tried(house, tmp_path) as opened:
        yield opened


async def newest(desk: Tried, received: Any) -> Suggestion:
    """The suggestion that an agent may send now."""
    async with desk.house.db.read() as tx:
        found = await suggestions.open_suggestion(tx, received.conversation.id)
    assert found is not None
    return found


async def decide(desk: Tried, count: int, *, candidate: bool, champion: bool) -> None:
    """Until so many conversations of the canary are decided: agents take the drafts of either, or don't."""
    done = 0
    while done < count:
        received = await desk.asks()
        shown = await newest(desk, received)
        ours = shown.model_version == CANDIDATE
        done += ours
        taken = candidate if ours else champion
        text = shown.candidates[0].text if taken else f"No, something quite different: {uuid4()}"
        await desk.answers(received, text, 0 if taken else None)


async def say_again(desk: Tried, received: Any) -> Suggestion:
    """The same customer writes once more."""
    key = f"c-{next(desk.house.numbers)}"
    customer_id = received.conversation.customer_id
    await desk.house.conversation.receive(Inbound("web", customer_id, "And where is my order now?", key))
    await desk.house.work()
    return await newest(desk, received)


async def test_a_conversation_stays_with_its_version_and_about_the_share_is_the_canarys(
    desk: Tried,
) -> None:
    stage = await desk.stages.begin("canary", CANDIDATE, ADA, 0.3)
    drawn = sum(serves(stage, uuid4()) for _ in range(2_000))
    assert 500 < drawn < 700
    versions = []
    for _ in range(12):
        received = await desk.asks()
        first = await newest(desk, received)
        assert (first.model_version == CANDIDATE) == serves(stage, received.conversation.id)
        assert {(await say_again(desk, received)).model_version for _ in range(3)} == {first.model_version}
        versions.append(first.model_version)
    assert set(versions) == {CANDIDATE, CHAMPION}
    assert [entry.action for entry in await desk.log()] == ["model_canary_begun"]


def test_a_larger_share_keeps_who_was_in_it_and_another_candidate_draws_anew() -> None:
    def of(version: str, share: float) -> Any:
        return Stage(uuid4(), "canary", version, "", share, "running", None, None, 0, 0, None, None, None)  # type: ignore[arg-type]

    ids = [uuid4() for _ in range(500)]
    few = {one for one in ids if serves(of("a", 0.1), one)}
    assert few < {one for one in ids if serves(of("a", 0.3), one)}
    assert len(few & {one for one in ids if serves(of("b", 0.1), one)}) < 0.5 * len(few)


async def test_a_worse_canary_returns_by_itself_and_says_why(
    desk: Tried, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evidence, "FIRST_LOOK", 12)
    await desk.stages.begin("canary", CANDIDATE, ADA)
    await decide(desk, 11, candidate=False, champion=True)
    await desk.stages.tick()
    assert await desk.stage() is not None, "it is no time to look"
    await decide(desk, 1, candidate=False, champion=True)
    await desk.stages.tick()
    last = await desk.last()
    assert last.state == "returned"
    assert str(last.reason).startswith(
        "agents took 0% of its drafts (12 decisions), and 100% of the champion's"
    )
    entry = (await desk.log())[-1]
    assert (entry.action, entry.actor, entry.details["why"]) == ("model_returned", "Deskhand", last.reason)
    assert desk.serving.guest is None
    received = await desk.asks()
    assert (await newest(desk, received)).model_version == CHAMPION
    async with desk.house.db.read() as tx:
        assert (await model_versions.version(tx, CANDIDATE)).state == "candidate"


async def test_one_without_harm_is_ready_and_goes_live_by_itself_where_an_admin_chose_so(
    desk: Tried, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evidence, "FIRST_LOOK", 6)
    monkeypatch.setattr(canary, "ENOUGH", 12)
    await desk.stages.begin("canary", CANDIDATE, ADA)
    await decide(desk, 12, candidate=True, champion=True)
    await desk.stages.tick()
    stage = await desk.stage()
    assert stage is not None and (stage.looks, stage.ready_at is not None) == (1, True)
    assert Registry(desk.stages._settings.data_dir / "models").current_name() == "starter", "an admin decides"
    chosen = Schedule(promote="stages").told()
    await desk.house.db.write(lambda tx: settings_store.put_setting(tx, SCHEDULE_KEY, chosen))
    desk.shelf.brains.append(desk.candidate)
    await desk.stages.tick()
    assert desk.serving.version == CANDIDATE and desk.serving.guest is None
    last = await desk.last()
    assert (last.state, last.reason) == ("passed", "it went live")
    actions = [entry.action for entry in await desk.log()]
    assert actions == [
        "model_canary_begun",
        "model_canary_passed",
        "model_promoted",
        "model_canary_passed_on",
    ]


async def test_a_good_shadow_goes_on_to_the_canary_by_itself_where_an_admin_chose_so(
    desk: Tried, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evidence, "FIRST_LOOK", 20)
    chosen = Schedule(promote="stages").told()
    await desk.house.db.write(lambda tx: settings_store.put_setting(tx, SCHEDULE_KEY, chosen))
    shadow = await desk.stages.begin("shadow", CANDIDATE, ADA)
    await desk.moments(20, champion="Please wait.", candidate=SENT, sent=SENT)
    await desk.stages.tick()
    stage = await desk.stage()
    assert stage is not None and (stage.kind, stage.share) == ("canary", 0.5)
    assert stage.id != shadow.id and desk.serving.guest == CANDIDATE
    assert desk.shelf.brains == [], "it was not loaded a second time"


async def test_a_restart_goes_on_and_no_conversation_changes_its_version(
    house: House, tmp_path: Path
) -> None:
    async with tried(house, tmp_path) as before:
        stage = await before.stages.begin("canary", CANDIDATE, ADA)
        asked = [await before.asks() for _ in range(8)]
        versions = [(await newest(before, one)).model_version for one in asked]
    async with tried(house, tmp_path) as after:
        await after.stages.follow()
        assert [(await say_again(after, one)).model_version for one in asked] == versions
        going = await after.stage()
        assert going is not None and going.id == stage.id
    async with tried(house, tmp_path, unloadable()) as broken:
        await broken.stages.follow()
        assert (await broken.last()).state == "returned"
        assert {(await say_again(broken, one)).model_version for one in asked} == {CHAMPION}


async def test_a_message_that_it_fails_on_is_the_champions_and_too_many_send_it_back(
    desk: Tried, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.worker.FIRST_PAUSE", 0.0)
    await desk.stages.begin("canary", CANDIDATE, ADA, 1.0)
    desk.candidate.broken = RuntimeError("broken")
    worker = Worker(desk.house.db, desk.house.conversation, node="test")
    for _ in range(evidence.FEWEST_ERRORS):
        await desk.stages.tick()
        assert await desk.stage() is not None
        customer = await desk.house.db.write(
            lambda tx: conversations.create_customer(tx, display_name="", token_hash=None, locale="en")
        )
        key = f"c-{next(desk.house.numbers)}"
        received = await desk.house.conversation.receive(Inbound("web", customer.id, "Where is it?", key))
        while (item := await desk.house.claim()) is not None:
            await worker.handle(item)
        assert (await newest(desk, received)).model_version == CHAMPION
    await desk.stages.tick()
    last = await desk.last()
    assert (last.state, last.reason) == ("returned", "its models failed on 5 of 5 messages")


async def test_one_that_is_much_slower_goes_back(desk: Tried) -> None:
    now = canary.Standing(canary.Side(Arm((), ()), [2_100.0] * 50), canary.Side(Arm((), ()), [1_000.0] * 50))
    assert now.harm(0) == "the slowest twentieth of its messages takes 2.1 s, the champion's 1.0 s"


async def test_a_message_without_a_draft_counts_and_one_left_to_the_champion_does_not(desk: Tried) -> None:
    stage = await desk.stages.begin("canary", CANDIDATE, ADA)
    silent = 0
    while silent < 2:
        desk.candidate.answers.clear()
        desk.candidate.answers.append([])
        received = await desk.asks()
        silent += serves(stage, received.conversation.id)
    now = await canary.standing(desk.house.db, stage)
    assert now.candidate.arm == Arm((1, 1), (0, 0)) and now.candidate.milliseconds == []
    await desk.stages.stop(ADA)
    left = await desk.asks()
    while not serves(stage, left.conversation.id):
        left = await desk.asks()
    await desk.answers(left, "Mine.")
    assert (await canary.standing(desk.house.db, stage)).champion.arm.decisions == 0


async def test_nothing_of_it_goes_out_alone_before_its_own_score_is_known(desk: Tried) -> None:
    house = desk.house
    await reviewed(house.db, house.agent.id, all_good(59, 0.8))
    await house.db.write(lambda tx: automatic.choose(tx, house.agent, "automatic", 5, CHAMPION))
    await desk.stages.begin("canary", CANDIDATE, ADA, 1.0)
    desk.candidate.answers.append([draft(SENT, score=0.99)])
    received = await desk.asks()
    shown = await newest(desk, received)
    assert shown.model_version == CANDIDATE and "no error rate is known" in shown.why
    await reviewed(house.db, house.agent.id, all_good(60, 0.8), CANDIDATE)
    await house.db.write(lambda tx: automatic.look(tx, house.conversation.policy, CANDIDATE))
    desk.candidate.answers.append([draft(SENT, score=0.99)])
    received = await desk.asks()
    async with house.db.read() as tx:
        assert [m.kind for m in await conversations.messages_after(tx, received.conversation.id, 1)] == [
            "bot"
        ]


async def test_a_canary_of_another_version_waits_its_turn(desk: Tried) -> None:
    await desk.stages.begin("canary", CANDIDATE, ADA)
    with pytest.raises(Conflict, match=f"{CANDIDATE} is a canary; stop it first"):
        await desk.stages.begin("shadow", CANDIDATE, ADA)
