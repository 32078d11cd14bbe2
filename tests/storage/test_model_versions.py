from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest

from storage import model_versions
from storage.database import Database
from storage.errors import Conflict, NotFound


async def add(db: Database, *names: str) -> None:
    for name in names:
        await db.write(
            lambda tx, n=name: model_versions.add_version(tx, version=n, parent=None, metrics={"loss": 1.5})
        )


async def states(db: Database) -> dict[str, Any]:
    async with db.read() as tx:
        return {item.version: item.state for item in await model_versions.list_versions(tx)}


async def test_promoting_retires_and_rolling_back_restores(db: Database) -> None:
    await add(db, "v1", "v2")
    async with db.read() as tx:
        assert await model_versions.live_version(tx) is None
    await db.write(lambda tx: model_versions.promote(tx, "v1"))
    live = await db.write(lambda tx: model_versions.promote(tx, "v2", reason="better"))
    assert (live.state, live.reason, live.metrics) == ("live", "better", {"loss": 1.5})
    assert await states(db) == {"v1": "retired", "v2": "live"}
    assert await db.write(lambda tx: model_versions.promote(tx, "v2")) == live
    back = await db.write(lambda tx: model_versions.roll_back(tx, reason="worse after all"))
    assert back.version == "v1"
    async with db.read() as tx:
        assert await model_versions.live_version(tx) == back
    assert await states(db) == {"v1": "live", "v2": "retired"}


async def test_a_refused_version_never_goes_live(db: Database) -> None:
    await add(db, "v1", "v2")
    refused = await db.write(lambda tx: model_versions.refuse(tx, "v1", reason="it leaks"))
    assert (refused.state, refused.reason) == ("refused", "it leaks")
    await db.write(lambda tx: model_versions.promote(tx, "v2"))
    for call in (
        lambda tx: model_versions.promote(tx, "v1"),
        lambda tx: model_versions.refuse(tx, "v2", reason="x"),
        lambda tx: model_versions.roll_back(tx, reason="x"),
        lambda tx: model_versions.add_version(tx, version="v1", parent=None, metrics={}),
    ):
        with pytest.raises(Conflict):
            await db.write(call)
    with pytest.raises(NotFound):
        await db.write(lambda tx: model_versions.promote(tx, "v3"))
    assert await states(db) == {"v1": "refused", "v2": "live"}


async def test_a_tainted_version_serves_on_and_never_goes_live_again(db: Database) -> None:
    await add(db, "v1", "v2", "v3")
    await db.write(
        lambda tx: model_versions.add_version(tx, version="heir", parent="v2", metrics={"loss": 1.0})
    )
    for name in ("v1", "v2", "v3"):
        await db.write(lambda tx, n=name: model_versions.promote(tx, n))
    marked = await db.write(lambda tx: model_versions.taint(tx, ["v2", "v3", "on disk"]))
    assert marked == ["heir", "on disk", "v2", "v3"]
    assert await db.write(lambda tx: model_versions.taint(tx, ["v2"])) == []
    assert (await states(db))["v3"] == "live"
    for name in ("v2", "heir", "on disk"):
        with pytest.raises(Conflict, match="erased"):
            await db.write(lambda tx, n=name: model_versions.promote(tx, n))
    back = await db.write(lambda tx: model_versions.roll_back(tx, reason="clean"))
    assert back.version == "v1"
    with pytest.raises(Conflict):
        await db.write(lambda tx: model_versions.roll_back(tx, reason="none is left"))


async def test_two_admins_who_promote_at_once_leave_one_version_live(db: Database) -> None:
    names = ["v1", "v2", "v3", "v4"]
    await add(db, *names)
    results = await asyncio.gather(
        *(db.write(lambda tx, n=name: model_versions.promote(tx, n)) for name in names),
        return_exceptions=True,
    )
    assert {type(result) for result in results if isinstance(result, Exception)} <= {Conflict}
    assert Counter((await states(db)).values())["live"] == 1
