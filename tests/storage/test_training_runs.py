from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

import pytest

from storage import training_runs
from storage.database import Database
from storage.errors import Conflict, NotFound


async def request(db: Database, by: Any = None, **options: Any) -> Any:
    return await db.write(lambda tx: training_runs.request_run(tx, requested_by=by, options=options))


async def test_a_request_is_run_and_reported(db: Database, account: Any) -> None:
    queued = await request(db, account.id, minutes=5)
    running = await db.write(training_runs.claim_next)
    assert running is not None
    assert (running.id, running.state, running.options) == (queued.id, "running", {"minutes": 5})
    assert running.started_at is not None
    assert await db.write(training_runs.claim_next) is None
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


async def test_a_request_is_taken_by_one_trainer_only(db: Database) -> None:
    for _ in range(3):
        await request(db)
    taken = await asyncio.gather(*(db.write(training_runs.claim_next) for _ in range(3)))
    ids = [item.id for item in taken if item is not None]
    assert len(ids) == len(set(ids)) and ids


async def test_a_lost_trainers_run_is_marked_as_failed(db: Database) -> None:
    queued = await request(db)
    await db.write(training_runs.claim_next)
    assert await db.write(lambda tx: training_runs.fail_running(tx, "the process was lost")) == 1
    async with db.read() as tx:
        assert (await training_runs.run(tx, queued.id)).state == "failed"
    assert await db.write(lambda tx: training_runs.fail_running(tx, "again")) == 0
