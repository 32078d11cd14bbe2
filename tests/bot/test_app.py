"""The composition root: a start after a kill, a start in a bad moment, and a start that fails."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from bot import app as app_module
from bot import serve
from bot.api.services import SERVICES
from bot.app import DB, NODE, build_app
from bot.delivery import Delivery
from bot.failure import Failure
from bot.settings import Settings
from bot.worker import Worker
from storage import conversations, outbox, work
from storage.database import Database
from storage.errors import Unavailable
from tests.fakes import FakeBrain, until


def house_at(folder: Path, *, port: int = 0) -> tuple[web.AppRunner, Settings]:
    settings = Settings(data_dir=folder / "data", port=port)
    return serve.make_runner(build_app(settings, load_brain=FakeBrain)), settings


@asynccontextmanager
async def started(folder: Path) -> AsyncIterator[web.Application]:
    runner, settings = house_at(folder)
    await serve.open_doors(runner, settings)
    try:
        yield runner.app
    finally:
        await runner.cleanup()


async def settled(db: Database) -> None:
    async with asyncio.timeout(10):
        while True:
            async with db.read() as tx:
                if await work.depth(tx) == await outbox.depth(tx) == 0:
                    return
            await asyncio.sleep(0.01)


async def test_a_restart_takes_up_at_once_what_a_killed_process_had_claimed(tmp_path: Path) -> None:
    async with started(tmp_path) as app:
        node = app[NODE]
    db = await Database.open(Settings(data_dir=tmp_path / "data").database)
    customer = await db.write(
        lambda tx: conversations.create_customer(tx, display_name="", token_hash=None, locale=None)
    )
    received = await db.write(
        lambda tx: conversations.receive(
            tx, customer_id=customer.id, channel="web", text="where is my order", client_msg_id="1"
        )
    )
    await db.write(
        lambda tx: conversations.post(tx, conversation_id=received.conversation.id, kind="bot", text="hi")
    )
    # As it is when kill -9 comes: claimed, and the leases have an hour to go.
    await db.write(lambda tx: work.claim(tx, limit=9, node=node, lease_seconds=3600))
    await db.write(lambda tx: outbox.claim(tx, limit=9, node=node, lease_seconds=3600))
    await db.close()
    async with started(tmp_path) as app:
        await settled(app[DB])


async def test_a_bad_moment_of_the_database_does_not_cost_the_models(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start, failures = Worker.start, [Unavailable("locked")]

    async def flaky(worker: Worker) -> None:
        if failures:
            raise failures.pop()
        await start(worker)

    monkeypatch.setattr(app_module, "DATABASE_PAUSE", 0.01)
    monkeypatch.setattr(Worker, "start", flaky)
    async with started(tmp_path) as app:
        await until(lambda: app[SERVICES].state.brain_ready)
        assert not app[SERVICES].state.brain_failed


async def test_models_that_can_not_be_loaded_leave_the_doors_open(tmp_path: Path) -> None:
    def broken() -> FakeBrain:
        raise OSError("no such folder")

    settings = Settings(data_dir=tmp_path / "data", port=0)
    runner = serve.make_runner(build_app(settings, load_brain=broken))
    await serve.open_doors(runner, settings)
    desk = runner.app[SERVICES]
    await until(lambda: desk.state.brain_failed)
    customer = await desk.db.write(
        lambda tx: conversations.create_customer(tx, display_name="", token_hash=None, locale=None)
    )
    received = await desk.db.write(
        lambda tx: conversations.receive(
            tx, customer_id=customer.id, channel="web", text="hello", client_msg_id="1"
        )
    )
    assert received.message.seq == 1
    await runner.cleanup()


async def test_housekeeping_outlives_a_round_that_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wake, rounds = conversations.wake_snoozed, []

    async def flaky(tx: object) -> object:
        rounds.append(tx)
        if len(rounds) == 1:
            raise ValueError("odd")
        return await wake(tx)  # type: ignore[arg-type]

    monkeypatch.setattr(app_module, "HOUSEKEEPING_SECONDS", 0.01)
    monkeypatch.setattr(conversations, "wake_snoozed", flaky)
    async with started(tmp_path):
        await until(lambda: len(rounds) > 2)


async def test_a_start_that_fails_ends_what_it_had_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(_: Delivery) -> None:
        raise Unavailable("locked")

    monkeypatch.setattr(Delivery, "start", refuse)
    runner, settings = house_at(tmp_path)
    with pytest.raises(Unavailable, match="locked"):
        await serve.open_doors(runner, settings)
    with pytest.raises(Unavailable, match="stopped"):
        await runner.app[DB].ping()


async def test_an_address_that_is_taken_is_said_and_ends_the_start(tmp_path: Path) -> None:
    async with await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0) as other:
        port = other.sockets[0].getsockname()[1]
        runner, settings = house_at(tmp_path, port=port)
        with pytest.raises(Failure, match=str(port)):
            await serve.open_doors(runner, settings)
    with pytest.raises(Unavailable, match="stopped"):
        await runner.app[DB].ping()
