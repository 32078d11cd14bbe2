"""Uploads as rows: one is read at a time, by who has the file; on both kinds of database."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from storage import uploads
from storage.database import Database
from storage.errors import Conflict, NotFound
from storage.records import Upload
from storage.stamps import new_id, now

LOST = 60.0


async def add(db: Database, by: UUID, name: str = "a.jsonl") -> Upload:
    return await db.write(
        lambda tx: uploads.add(
            tx, upload_id=new_id(), name=name, options={}, size=2**33, sha256="0" * 64, requested_by=by
        )
    )


async def claim(db: Database, here: list[UUID], node: str = "one", lost: float = LOST) -> Upload | None:
    return await db.write(lambda tx: uploads.claim_next(tx, node=node, here=here, lost_seconds=lost))


async def finish(db: Database, one: Upload, state: Any, node: str = "one", **outcome: Any) -> Upload:
    return await db.write(lambda tx: uploads.finish(tx, one.id, node, state, **outcome))


async def change(db: Database, work: Any, one: Upload, *given: Any) -> Upload:
    changed: Upload = await db.write(lambda tx: work(tx, one.id, *given))
    return changed


async def read(db: Database, one: Upload) -> Upload:
    async with db.read() as tx:
        return await uploads.upload(tx, one.id)


async def surveyed(db: Database, account: Any) -> Upload:
    one = await add(db, account.id)
    await claim(db, [one.id])
    return await finish(db, one, "surveyed", report={"conversations": 3})


async def test_an_upload_is_surveyed_then_imported_and_its_file_is_not_wanted_any_more(
    db: Database, account: Any
) -> None:
    one = await add(db, account.id)
    assert (one.state, one.working, one.size) == ("surveying", False, 2**33)
    taken = await claim(db, [one.id])
    assert taken is not None and (taken.state, taken.working, taken.node) == ("surveying", True, "one")
    await db.write(lambda tx: uploads.describe(tx, one.id, "one", format="table", head=[["a", "b"]]))
    done = await finish(db, one, "surveyed", report={"conversations": 3})
    assert (done.state, done.kept, done.report, done.head) == (
        "surveyed",
        True,
        {"conversations": 3},
        [["a", "b"]],
    )
    assert await claim(db, [one.id]) is None, "an admin has to say so first"
    await change(db, uploads.start, one, {"skip_broken": True})
    taken = await claim(db, [one.id])
    assert taken is not None and (taken.state, taken.options) == ("running", {"skip_broken": True})
    await db.write(lambda tx: uploads.count_imported(tx, one.id, "one", 2))
    await db.write(lambda tx: uploads.count_imported(tx, one.id, "one", 1))
    done = await finish(db, one, "done")
    assert (done.state, done.imported, done.kept, done.head) == ("done", 3, False, None)
    assert done.report == {"conversations": 3} and done.finished_at is not None
    async with db.read() as tx:
        assert await uploads.list_uploads(tx) == [uploads.Listed(done, "Grace")]
        assert await uploads.kept_among(tx, [one.id]) == set()
    for work, given in ((uploads.start, ({},)), (uploads.survey_again, ({},)), (uploads.discard, ())):
        with pytest.raises(Conflict, match="gone"):
            await change(db, work, one, *given)


async def test_one_is_read_at_a_time_and_only_where_its_file_is(db: Database, account: Any) -> None:
    first, second = await add(db, account.id), await add(db, account.id)
    assert await claim(db, [uuid4()]) is None
    taken = await claim(db, [second.id], "two")
    assert taken is not None and taken.id == second.id
    assert await claim(db, [first.id], "one") is None, "another is read"
    await finish(db, second, "surveyed", "two", report={})
    taken = await claim(db, [first.id], "one")
    assert taken is not None and taken.id == first.id


async def test_however_many_nodes_ask_at_once_one_gets_it(db: Database, account: Any) -> None:
    made = [await add(db, account.id) for _ in range(3)]
    ids = [one.id for one in made]
    taken = await asyncio.gather(*(claim(db, ids, node) for node in "abc"), return_exceptions=True)
    assert len([one for one in taken if isinstance(one, Upload)]) == 1
    assert all(isinstance(one, Conflict) for one in taken if isinstance(one, BaseException))


async def test_what_a_lost_node_was_reading_goes_on_where_the_file_is(db: Database, account: Any) -> None:
    first, second = await add(db, account.id), await add(db, account.id)
    await claim(db, [first.id], "one")
    assert await claim(db, [first.id, second.id], "two") is None, "it may well be alive"
    again = await claim(db, [first.id], "one")
    assert again is not None and again.id == first.id, "after a restart of the same node"
    other = await claim(db, [first.id], "two", lost=-1)
    assert other is not None and (other.id, other.node) == (first.id, "two")
    with pytest.raises(Conflict):
        await db.write(lambda tx: uploads.count_imported(tx, first.id, "one", 5))
    with pytest.raises(Conflict):
        await finish(db, first, "done", "one")
    assert not await db.write(lambda tx: uploads.report_progress(tx, first.id, "one", {}))
    # its file lies elsewhere: it waits, and doesn't hold up the others
    third = await claim(db, [second.id], "three", lost=-1)
    assert third is not None and third.id == second.id
    found = await read(db, first)
    assert (found.state, found.working, found.imported) == ("surveying", False, 0)


async def test_one_that_is_read_is_asked_to_end_and_one_that_waits_ends_at_once(
    db: Database, account: Any
) -> None:
    first, second = await add(db, account.id), await add(db, account.id)
    await claim(db, [first.id])
    assert await db.write(lambda tx: uploads.report_progress(tx, first.id, "one", {"read": 5}))
    asked = await change(db, uploads.cancel, first)
    assert (asked.state, asked.cancelled, asked.progress) == ("surveying", True, {"read": 5})
    assert not await db.write(lambda tx: uploads.report_progress(tx, first.id, "one", {"read": 6}))
    with pytest.raises(Conflict, match="cancel that first"):
        await change(db, uploads.discard, first)
    ended = await finish(db, first, "cancelled")
    assert (ended.state, ended.cancelled, ended.kept) == ("cancelled", False, True)
    waited = await change(db, uploads.cancel, second)
    assert (waited.state, waited.working) == ("cancelled", False)
    with pytest.raises(Conflict, match="not being read"):
        await change(db, uploads.cancel, second)
    with pytest.raises(Conflict, match="not been surveyed"):
        await change(db, uploads.start, second, {})
    again = await change(db, uploads.survey_again, second, {"format": "table"})
    assert (again.state, again.options) == ("surveying", {"format": "table"})
    with pytest.raises(Conflict, match="being read"):
        await change(db, uploads.survey_again, second, {})


async def test_a_failed_import_can_be_started_again_and_keeps_count(db: Database, account: Any) -> None:
    one = await surveyed(db, account)
    await change(db, uploads.start, one, {"skip_broken": False})
    await claim(db, [one.id])
    await db.write(lambda tx: uploads.count_imported(tx, one.id, "one", 2))
    failed = await finish(db, one, "failed", error="e" * 9_000)
    assert (failed.state, failed.imported, failed.error, failed.kept) == ("failed", 2, "e" * 2_000, True)
    again = await change(db, uploads.start, one, {"skip_broken": True})
    assert (again.state, again.error, again.imported) == ("running", None, 2)


async def test_what_is_discarded_or_too_old_is_not_wanted(db: Database, account: Any) -> None:
    one, other = await surveyed(db, account), await surveyed(db, account)
    async with db.read() as tx:
        assert set(await uploads.older_than(tx, now())) == {one.id, other.id}
        assert await uploads.older_than(tx, now() - timedelta(days=1)) == []
    gone = await change(db, uploads.discard, one)
    assert (gone.state, gone.kept) == ("cancelled", False)
    async with db.read() as tx:
        assert await uploads.kept_among(tx, [one.id, other.id]) == {other.id}
        assert await uploads.older_than(tx, now()) == [other.id]
    with pytest.raises(NotFound):
        await db.write(lambda tx: uploads.discard(tx, uuid4()))
