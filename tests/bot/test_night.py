"""The night shift with real rows and real processes; only the trainer in them learns nothing."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from bot import night
from bot.brains import Brains
from bot.messages import Actor
from bot.new_intents import NewIntents
from bot.night import NightShift
from bot.promotion import Promotion
from bot.schedule import SCHEDULE_KEY, Schedule
from bot.settings import Settings
from bot.stages import Stages
from nlp.registry import STARTER, Registry
from nlp.serving import Serving
from storage import audit, model_versions, settings_store, stages, training_runs
from storage.database import Database
from storage.errors import Conflict
from storage.records import Stage, TrainingRun
from tests.bot.house import House
from tests.fakes import FakeBrain

ADA = Actor("ada@example.com")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(night, "TICK", 0.05)
    monkeypatch.setattr(night, "LOOK", 0.05)


@asynccontextmanager
async def shift(house: House, settings: Settings, behaviour: str) -> AsyncIterator[Promotion]:
    """A night shift at work; its trainers behave as told."""
    serving = Serving()
    named = NewIntents(house.db, serving)
    brains = Brains(house.db, settings, serving, named, load_brain=FakeBrain, demo=False)
    promotion = Promotion(house.db, settings, brains)
    await promotion.begin()
    command = (sys.executable, "-m", "tests.bot.fake_trainer", behaviour)
    between = Stages(house.db, settings, serving, brains, promotion)
    working = NightShift(house.db, settings, promotion, between, node="test", command=command)
    working.start()
    try:
        yield promotion
    finally:
        await working.stop()
        await between.close()
        await brains.close()
        await named.close()
        await serving.close()


async def ask(db: Database) -> TrainingRun:
    return await db.write(lambda tx: training_runs.request_run(tx, requested_by=None, options={"minutes": 1}))


async def read(db: Database, run: TrainingRun) -> TrainingRun:
    async with db.read() as tx:
        return await training_runs.run(tx, run.id)


async def ended(db: Database, run: TrainingRun) -> TrainingRun:
    """The run, once it has ended."""
    return await seen(db, run, lambda now: now.state not in ("queued", "running"))


async def seen(db: Database, run: TrainingRun, enough: Callable[[TrainingRun], bool]) -> TrainingRun:
    async with asyncio.timeout(30):
        while not enough(found := await read(db, run)):
            await asyncio.sleep(0.05)
    return found


async def states(db: Database) -> dict[str, str]:
    async with db.read() as tx:
        return {one.version: one.state for one in await model_versions.list_versions(tx)}


async def test_a_round_makes_a_candidate_of_the_frozen_log_and_an_admin_promotes_it(
    house: House, settings: Settings
) -> None:
    await house.says("Where is my order?")
    current = await house.current()
    await house.conversation.reply(current.id, house.agent, "It comes tomorrow.", "a-1")
    async with shift(house, settings, "better") as promotion:
        run = await ended(house.db, await ask(house.db))
        assert (run.state, run.error) == ("published", None)
        snapshot = run.report["snapshot"]
        assert (snapshot["conversations"], snapshot["replies"], len(snapshot["sha256"])) == (1, 1, 64)
        assert run.report["gate"]["passed"]
        assert run.version is not None
        assert await states(house.db) == {run.version: "candidate"}
        assert not (settings.data_dir / "training" / str(run.id)).exists(), "the log's copy is gone"
        await promotion.promote(run.version, ADA)
        assert await states(house.db) == {STARTER: "retired", run.version: "live"}
        assert Registry(settings.data_dir / "models").current_name() == run.version
        await promotion.roll_back(ADA)
        assert await states(house.db) == {STARTER: "live", run.version: "retired"}
        with pytest.raises(Conflict, match="no earlier version"):
            await promotion.roll_back(ADA)
    async with house.db.read() as tx:
        actions = [entry.action for entry in await audit.entries(tx, limit=9)]
    assert actions == ["model_rolled_back", "model_promoted", "model_published"]


async def test_a_worse_one_is_refused_for_good_with_the_reason(house: House, settings: Settings) -> None:
    async with shift(house, settings, "worse") as promotion:
        run = await ended(house.db, await ask(house.db))
        assert run.state == "refused" and run.version is not None
        assert (await states(house.db))[run.version] == "refused"
        with pytest.raises(Conflict, match="was refused and can't be promoted: not better beyond chance"):
            await promotion.promote(run.version, ADA)
        assert Registry(settings.data_dir / "models").current_name() == STARTER


async def test_what_the_gate_lets_through_goes_live_by_itself_where_an_admin_chose_so(
    house: House, settings: Settings
) -> None:
    chosen = Schedule(promote="gate").told()
    await house.db.write(lambda tx: settings_store.put_setting(tx, SCHEDULE_KEY, chosen))
    async with shift(house, settings, "better"):
        run = await ended(house.db, await ask(house.db))
        assert run.version is not None
        async with asyncio.timeout(30):
            while (found := await states(house.db))[run.version] != "live":
                await asyncio.sleep(0.05)
    assert found == {STARTER: "retired", run.version: "live"}
    assert Registry(settings.data_dir / "models").current_name() == run.version


async def test_what_the_gate_lets_through_is_tried_in_shadow_where_an_admin_chose_so(
    house: House, settings: Settings
) -> None:
    chosen = Schedule(promote="shadow").told()
    await house.db.write(lambda tx: settings_store.put_setting(tx, SCHEDULE_KEY, chosen))
    async with shift(house, settings, "better") as promotion:
        await promotion._brains.load()
        run = await ended(house.db, await ask(house.db))
        async with asyncio.timeout(30):
            while (found := await running(house.db)) is None:
                await asyncio.sleep(0.05)
    assert (found.kind, found.version, found.champion) == ("shadow", run.version, "fake-1")
    assert (await states(house.db))[str(run.version)] == "candidate"


async def running(db: Database) -> Stage | None:
    async with db.read() as tx:
        return await stages.running(tx)


async def test_a_trainer_that_complains_is_heard(house: House, settings: Settings) -> None:
    async with shift(house, settings, "broken"):
        run = await ended(house.db, await ask(house.db))
    assert (run.state, run.error) == ("failed", "3 conversations with an agent's answer; 20 at least")


async def test_a_running_round_tells_how_far_it_is_and_is_cancelled(house: House, settings: Settings) -> None:
    async with shift(house, settings, "slow"):
        run = await seen(house.db, await ask(house.db), lambda now: now.progress is not None)
        assert run.progress is not None and (run.progress["done"], run.progress["total"]) == (3, 9)
        await house.db.write(lambda tx: training_runs.cancel_run(tx, run.id, by="Ada"))
        run = await ended(house.db, run)
    assert (run.state, run.error) == ("failed", "cancelled by Ada")


async def test_a_round_that_the_server_was_stopped_in_goes_on_after_the_next_start(
    house: House, settings: Settings
) -> None:
    async with shift(house, settings, "slow"):
        run = await seen(house.db, await ask(house.db), lambda now: now.progress is not None)
        frozen = json.loads(Path(settings.data_dir, "training", str(run.id), "snapshot.json").read_text())
    assert (await read(house.db, run)).state == "running", "it was not given up"
    await house.says("Something that came after the snapshot")
    async with shift(house, settings, "slow"):
        run = await ended(house.db, run)
    assert run.state == "published"
    assert run.report["snapshot"]["sha256"] == frozen["sha256"]


async def test_a_round_that_is_due_is_asked_for_once(house: House, settings: Settings) -> None:
    chosen = Schedule(when="nightly", since="2026-11-01T00:00:00+00:00").told()
    await house.db.write(lambda tx: settings_store.put_setting(tx, SCHEDULE_KEY, chosen))

    async def runs() -> list[Any]:
        async with house.db.read() as tx:
            return await training_runs.list_runs(tx)

    async with shift(house, settings, "worse"):
        async with asyncio.timeout(30):
            while not (found := await runs()) or found[0].state == "running" or found[0].state == "queued":
                await asyncio.sleep(0.05)
        await asyncio.sleep(0.3)
        assert [(one.state, one.requested_by, one.options["why"]) for one in await runs()] == [
            ("refused", None, "nightly")
        ]
