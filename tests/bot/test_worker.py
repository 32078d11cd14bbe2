"""Work gets done, tried again, given up, and handed back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from bot import pump
from bot import worker as worker_module
from bot.messages import Inbound
from bot.worker import RETRIES, Worker
from storage import conversations, work
from tests.bot.house import House
from tests.fakes import draft, until


@pytest.fixture(autouse=True)
def quick_polls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pump, "POLL_SECONDS", 0.05)


@pytest.fixture
async def worker(house: House) -> AsyncIterator[Worker]:
    made = Worker(house.db, house.conversation, node="one", at_once=2)
    yield made
    await made.stop(grace=5.0)


async def done(house: House) -> None:
    async with asyncio.timeout(10):
        while await house.owed():
            await asyncio.sleep(0.01)


async def another_customer(house: House, text: str) -> None:
    customer = await house.db.write(
        lambda tx: conversations.create_customer(tx, display_name="", token_hash=None, locale=None)
    )
    await house.conversation.receive(Inbound("web", customer.id, text, "c-1"))


async def test_received_messages_are_worked_on(house: House, worker: Worker) -> None:
    await worker.start()
    await house.says("where is my order")
    await done(house)
    assert await house.suggestion() is not None
    assert worker.alive


async def test_work_from_before_the_start_is_done(house: House, worker: Worker) -> None:
    await house.says("where is my order")
    house.conversation.work_arrived.clear()
    await worker.start()
    await done(house)
    assert await house.suggestion() is not None


async def test_nothing_is_given_up_while_the_models_load(house: House, worker: Worker) -> None:
    house.serving.ready = False
    await worker.start()
    await house.says("where is my order")
    await asyncio.sleep(0.05)
    assert await house.owed() == 1
    house.serving.ready = True
    house.conversation.work_arrived.set()
    await done(house)
    assert await house.suggestion() is not None


async def test_one_conversation_is_handled_one_message_at_a_time(house: House, worker: Worker) -> None:
    for n in range(4):
        await house.says(f"where is my order {n}")
    await worker.start()
    await done(house)
    assert house.brain.understood == [f"where is my order {n}" for n in range(4)]


async def test_several_conversations_are_handled_at_once(house: House, worker: Worker) -> None:
    house.brain.delay = 0.2
    await house.says("where is my order")
    await another_customer(house, "where is mine")
    await worker.start()
    await until(lambda: worker.running == 2)
    await done(house)
    assert sorted(house.brain.understood) == ["where is mine", "where is my order"]


async def test_a_failure_is_tried_again(
    house: House, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_module, "FIRST_PAUSE", 0.01)
    house.brain.readings.append(RuntimeError("no memory"))
    house.brain.answers.append(RuntimeError("no memory"))
    await worker.start()
    await house.says("where is my order")
    await done(house)
    assert await house.suggestion() is not None


async def test_a_model_that_stays_broken_means_no_drafts_and_no_lost_message(
    house: House, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_module, "FIRST_PAUSE", 0.01)
    house.brain.broken = RuntimeError("no memory")
    await worker.start()
    await house.says("where is my order")
    await done(house)
    assert await house.suggestion() is None
    assert await house.texts("customer") == ["where is my order"]
    house.brain.broken = None
    await house.says("hello?")
    await done(house)
    assert await house.suggestion() is not None


async def test_what_hangs_is_cut_off(house: House, worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_module, "PATIENCE_SECONDS", 0.05)
    monkeypatch.setattr(worker_module, "FIRST_PAUSE", 0.01)
    house.brain.delay = 0.2
    await worker.start()
    await house.says("where is my order")
    await done(house)
    assert await house.suggestion() is None


async def test_a_message_that_kills_the_process_is_not_tried_for_ever(house: House, worker: Worker) -> None:
    await house.says("poison")
    for n in range(RETRIES + 1):
        # A process that claims and dies; its name is given up at the next start.
        assert await house.claim(f"dead-{n}") is not None
        await house.db.write(lambda tx, n=n: work.release_all(tx, f"dead-{n}"))  # type: ignore[misc]
    await worker.start()
    await done(house)
    assert house.brain.understood == []
    assert await house.texts("customer") == ["poison"]


async def test_a_clean_stop_finishes_what_runs(house: House) -> None:
    house.brain.delay = 0.1
    worker = Worker(house.db, house.conversation, node="one", at_once=2)
    await worker.start()
    await house.says("where is my order")
    await until(lambda: worker.running == 1)
    await worker.stop(grace=5.0)
    assert not worker.alive
    assert await house.owed() == 0


async def test_a_stop_without_patience_hands_the_work_back(house: House) -> None:
    house.brain.delay = 0.3
    worker = Worker(house.db, house.conversation, node="one", at_once=2)
    await worker.start()
    await house.says("where is my order")
    await until(lambda: worker.running == 1)
    await worker.stop(grace=0.01)
    assert await house.owed() == 1
    house.brain.delay = 0.0
    item = await house.claim("two")
    assert item is not None
    await house.conversation.respond(item)
    assert await house.suggestion() is not None


async def test_a_bad_moment_of_the_database_does_not_end_the_loop(
    house: House, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim = work.claim
    failures = [OSError("gone")]

    async def flaky(*args: object, **kwargs: object) -> object:
        if failures:
            raise failures.pop()
        return await claim(*args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(work, "claim", flaky)
    await worker.start()
    await house.says("where is my order")
    await done(house)
    assert worker.alive
    assert await house.suggestion() is not None


async def test_what_the_database_will_never_take_is_given_up_and_holds_nobody(
    house: House, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_module, "FIRST_PAUSE", 0.01)
    house.brain.answers.extend([draft("no column takes \0")] for _ in range(RETRIES + 1))
    await worker.start()
    await house.says("where is my order")
    await done(house)
    assert await house.suggestion() is None
    await house.says("hello?")
    await done(house)
    assert await house.suggestion() is not None
