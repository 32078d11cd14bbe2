from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

import pytest

from storage import training_runs
from storage.database import Database
from storage.errors import Conflict, NotFound

LOST = 180.0


async def claim(db: Database, node: str = "one") -> Any:
    return await db.write(lambda tx: training_runs.claim_next(tx, node=node, lost_seconds=LOST))


async def request(db: Database, by: Any = None, **options: Any) -> Any:
    return await db.write(lambda tx: training_runs.request_run(tx, requested_by=by, options=options))


async def test_a_request_is_run_and_reported(db: Database, account: Any) -> None:
    queued = await request(db, account.id, minutes=5)
    running = await claim(db)
    assert running is not None
    assert (running.id, running.state, running.options) == (queued.id, "running", {"minutes": 5})
    assert running.started_at is not None
    assert await claim(db, "two") is None
    done = await db.write(
        lambda tx: training_runs.finish_run(
            tx, queued.id, "refused", version="v2", report={"gate": ["worse"]}, error="e" * 9_000
        )
    )
    assert (done.state, done.version, done.report) == ("refused", "v2", {"gate": ["worse"]})
    assert done.finished_at is not None and done.error == "e" * 2_000
    async with db.read() as tx:
        assert await training_runs.list_runs(tx) == [done]
        assert await training_runs.run(tx, queued.id) == done
    with pytest.raises(Conflict):
        await db.write(lambda tx: training_runs.finish_run(tx, queued.id, "published"))
    with pytest.raises(NotFound):
        await db.write(lambda tx: training_runs.finish_run(tx, uuid4(), "published"))


async def test_only_one_round_runs_however_many_nodes_ask_at_once(db: Database) -> None:
    for _ in range(3):
        await request(db)
    taken = await asyncio.gather(*(claim(db, node) for node in "abc"), return_exceptions=True)
    won = [item for item in taken if item is not None and not isinstance(item, BaseException)]
    assert len(won) == 1
    assert all(isinstance(item, Conflict) for item in taken if isinstance(item, BaseException))
    async with db.read() as tx:
        assert [one.state for one in await training_runs.list_runs(tx)].count("running") == 1
        assert await training_runs.waiting(tx)


async def test_a_round_of_a_lost_node_is_taken_up_again(db: Database) -> None:
    queued = await request(db)
    await claim(db, "one")
    assert await claim(db, "two") is None, "it may well be alive"
    again = await claim(db, "one")
    assert again is not None and again.id == queued.id, "after a restart of the same node"
    other = await db.write(lambda tx: training_runs.claim_next(tx, node="two", lost_seconds=-1))
    assert other is not None and (other.id, other.node) == (queued.id, "two")


async def test_a_round_tells_how_far_it_is_until_it_is_cancelled(db: Database) -> None:
    queued = await request(db)
    await claim(db)
    told = {"what": "tuning", "done": 3, "total": 9}
    assert await db.write(lambda tx: training_runs.report_progress(tx, queued.id, told))
    assert await db.write(lambda tx: training_runs.report_progress(tx, queued.id, None))
    asked = await db.write(lambda tx: training_runs.cancel_run(tx, queued.id, by="Ada"))
    assert (asked.state, asked.progress) == ("running", told), "its process has to end first"
    assert not await db.write(lambda tx: training_runs.report_progress(tx, queued.id, None))
    ended = await db.write(lambda tx: training_runs.finish_run(tx, queued.id, "failed"))
    assert (ended.state, ended.error) == ("failed", "cancelled by Ada")
    with pytest.raises(Conflict):
        await db.write(lambda tx: training_runs.cancel_run(tx, queued.id, by="Ada"))
    assert not await db.write(lambda tx: training_runs.report_progress(tx, queued.id, told))


async def test_a_queued_round_is_cancelled_at_once(db: Database) -> None:
    queued = await request(db)
    gone = await db.write(lambda tx: training_runs.cancel_run(tx, queued.id, by="Ada"))
    assert (gone.state, gone.error) == ("failed", "cancelled by Ada") and gone.finished_at is not None
    assert await claim(db) is None
    async with db.read() as tx:
        assert not await training_runs.waiting(tx)
