from __future__ import annotations

import asyncio
import sqlite3
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import event, text

from storage import conversations, engines, settings_store
from storage.database import Database, Transaction
from storage.errors import Conflict, NotFound, ReadOnly, StorageError, Unavailable


async def put(tx: Transaction, name: str, value: Any = 1) -> None:
    await settings_store.put_setting(tx, name, value)


async def stored(db: Database) -> dict[str, Any]:
    async with db.read() as tx:
        return await settings_store.all_settings(tx)


async def test_what_was_written_is_read(db: Database) -> None:
    await db.write(lambda tx: put(tx, "mode", {"policy": "draft", "tries": [1, 2.5, None]}))
    assert await stored(db) == {"mode": {"policy": "draft", "tries": [1, 2.5, None]}}
    assert await db.revision() == "0009"
    await db.ping()


async def test_a_read_transaction_can_not_write(db: Database) -> None:
    with pytest.raises(ReadOnly):
        async with db.read() as tx:
            await put(tx, "mode")
    assert await stored(db) == {}


async def test_a_read_transaction_sees_one_moment(db: Database) -> None:
    async with db.read() as tx:
        assert await settings_store.all_settings(tx) == {}
        await db.write(lambda writing: put(writing, "mode"))
        assert await settings_store.all_settings(tx) == {}
    assert await stored(db) == {"mode": 1}


async def test_what_the_reader_raises_comes_out_as_it_was(db: Database) -> None:
    with pytest.raises(ConnectionResetError):
        async with db.read():
            raise ConnectionResetError("a browser went away")
    with pytest.raises(ZeroDivisionError):
        await db.write(fails)
    with pytest.raises(ConnectionResetError):
        await db.write(resets)


async def fails(tx: Transaction) -> None:
    await put(tx, "half done")
    raise ZeroDivisionError


async def resets(tx: Transaction) -> None:
    raise ConnectionResetError


async def test_a_failing_write_fails_alone(db: Database) -> None:
    works = [db.write(lambda tx, n=n: put(tx, f"s{n}")) for n in range(10)]
    works.insert(5, db.write(fails))
    works.insert(8, db.write(lambda tx: conversations.conversation(tx, uuid4())))  # type: ignore[arg-type]
    results = await asyncio.gather(*works, return_exceptions=True)
    assert [type(result) for result in results if result is not None] == [ZeroDivisionError, NotFound]
    assert sorted(await stored(db)) == [f"s{n}" for n in range(10)]


async def test_a_swallowed_database_error_never_commits_half(db: Database, new_customer: Any) -> None:
    """PostgreSQL gives the transaction up, SQLite the statement alone; neither says it is done."""

    async def swallows(tx: Transaction) -> None:
        await put(tx, "first")
        with pytest.raises(Conflict):
            for _ in range(2):
                await conversations.create_customer(tx, display_name="Ada", token_hash=b"same", locale=None)
        await put(tx, "second")

    try:
        await db.write(swallows)
    except StorageError:
        assert await stored(db) == {}
    else:
        assert sorted(await stored(db)) == ["first", "second"]


async def test_many_writes_share_a_commit(sqlite: Database) -> None:
    commits = await counted_commits(sqlite)
    before = commits[0]
    await asyncio.gather(*(sqlite.write(lambda tx, n=n: put(tx, f"s{n}")) for n in range(200)))
    assert len(await stored(sqlite)) == 200
    assert commits[0] - before < 150


async def counted_commits(db: Database) -> list[int]:
    assert db._writer is not None
    count = [0]

    @event.listens_for(db._writer._engine, "commit")
    def _committed(connection: Any) -> None:
        count[0] += 1

    return count


async def test_a_full_disk_reaches_every_waiter_and_heals(sqlite: Database) -> None:
    async def limit(tx: Transaction) -> None:
        pages = await tx.scalar(text("PRAGMA page_count"))
        await tx.execute(text(f"PRAGMA max_page_count={pages + 2}"))

    async def unlimit(tx: Transaction) -> None:
        await tx.execute(text("PRAGMA max_page_count=1000000"))

    await sqlite.write(lambda tx: put(tx, "before"))
    await sqlite.write(limit)
    big = "x" * 30_000
    results = await asyncio.gather(
        *(sqlite.write(lambda tx, n=n: put(tx, f"s{n}", big)) for n in range(5)), return_exceptions=True
    )
    assert {type(result) for result in results} == {Unavailable}
    assert sorted(await stored(sqlite)) == ["before"]
    await sqlite.ping()
    await sqlite.write(unlimit)
    await sqlite.write(lambda tx: put(tx, "after", big))
    assert sorted(await stored(sqlite)) == ["after", "before"]
    async with sqlite.read() as tx:
        assert await tx.scalar(text("PRAGMA integrity_check")) == "ok"


async def test_a_locked_file_reaches_every_waiter_and_heals(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "BUSY_TIMEOUT_MS", 50)
    db = await Database.open(f"sqlite:///{tmp_path}/deskhand.db")
    other = sqlite3.connect(tmp_path / "deskhand.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    results = await asyncio.gather(
        *(db.write(lambda tx, n=n: put(tx, f"s{n}")) for n in range(3)), return_exceptions=True
    )
    assert {type(result) for result in results} == {Unavailable}
    assert await stored(db) == {}
    other.execute("ROLLBACK")
    other.close()
    await db.write(lambda tx: put(tx, "after"))
    assert await stored(db) == {"after": 1}
    await db.close()


async def test_a_work_that_waits_for_something_else_fails_alone(sqlite: Database) -> None:
    async def waits(tx: Transaction) -> None:
        await put(tx, "half done")
        await asyncio.sleep(0)

    async def nests(tx: Transaction) -> None:
        await put(tx, "half done")
        await sqlite.write(lambda inner: put(inner, "never"))

    results = await asyncio.gather(
        sqlite.write(waits),
        sqlite.write(nests),
        sqlite.write(lambda tx: put(tx, "good")),
        return_exceptions=True,
    )
    assert isinstance(results[0], StorageError) and isinstance(results[1], StorageError)
    assert await stored(sqlite) == {"good": 1}


async def test_a_work_that_is_cancelled_from_within_fails_alone(sqlite: Database) -> None:
    async def cancels(tx: Transaction) -> None:
        raise asyncio.CancelledError

    results = await asyncio.gather(
        sqlite.write(cancels), sqlite.write(lambda tx: put(tx, "good")), return_exceptions=True
    )
    assert isinstance(results[0], Unavailable) and results[1] is None
    assert await stored(sqlite) == {"good": 1}


async def test_a_caller_who_left_does_not_stop_the_others(sqlite: Database) -> None:
    tasks = [asyncio.ensure_future(sqlite.write(lambda tx, n=n: put(tx, f"s{n}"))) for n in range(3)]
    await asyncio.sleep(0)
    tasks[1].cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert results[0] is None and results[2] is None
    assert {"s0", "s2"} <= set(await stored(sqlite))


async def test_a_killed_writer_task_leaves_nobody_waiting(sqlite: Database) -> None:
    assert sqlite._writer is not None

    async def slow(tx: Transaction) -> None:
        time.sleep(0.05)

    waiting = [asyncio.ensure_future(sqlite.write(slow)) for _ in range(5)]
    await asyncio.sleep(0.02)
    sqlite._writer._task.cancel()
    results = await asyncio.gather(*waiting, return_exceptions=True)
    # the group that was running is committed and says so; the rest was never begun
    assert {type(result) for result in results} <= {type(None), Unavailable}
    assert type(results[-1]) is Unavailable
    with pytest.raises(Unavailable):
        await sqlite.write(lambda tx: put(tx, "late"))
    with pytest.raises(Unavailable):
        await sqlite.ping()


async def test_closing_commits_what_was_submitted(url: str) -> None:
    db = await Database.open(url, migrate=False)
    if db.dialect == "postgresql":
        await db.close()
    else:
        works = [asyncio.ensure_future(db.write(lambda tx, n=n: put(tx, f"s{n}"))) for n in range(5)]
        await asyncio.sleep(0)
        await db.close()
        assert await asyncio.gather(*works) == [None] * 5
    with pytest.raises(Unavailable):
        await db.write(lambda tx: put(tx, "late"))
    with pytest.raises(Unavailable):
        async with db.read():
            pass


@pytest.mark.parametrize(
    "bad", ["postgresql://postgres@127.0.0.1:1/none", "sqlite:////proc/nowhere/deskhand.db"]
)
async def test_a_database_that_can_not_be_reached_is_unavailable(bad: str) -> None:
    with pytest.raises(Unavailable):
        await Database.open(bad)


async def test_a_missing_postgres_database_is_unavailable(server: str) -> None:
    with pytest.raises(Unavailable):
        await Database.open(server + "deskhand_test_never_made")


@pytest.mark.parametrize("bad", ["mysql://root:secret@h/db", "sqlite://", "sqlite:///:memory:", "secret"])
async def test_a_url_of_no_use_is_refused_without_its_password(bad: str) -> None:
    with pytest.raises(StorageError) as caught:
        await Database.open(bad)
    assert "secret" not in str(caught.value)


async def test_sqlite_runs_with_the_settings_that_the_promises_need(sqlite: Database) -> None:
    async def pragmas(tx: Transaction) -> dict[str, Any]:
        names = ("journal_mode", "synchronous", "foreign_keys", "trusted_schema", "query_only")
        return {name: await tx.scalar(text(f"PRAGMA {name}")) for name in names}

    full = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "trusted_schema": 0}
    assert await sqlite.write(pragmas) == full | {"query_only": 0}
    async with sqlite.read() as tx:
        assert await pragmas(tx) == full | {"query_only": 1}


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)  # one writer of SQLite can't deadlock
async def test_deadlocked_writes_are_run_again(db: Database, new_customer: Any) -> None:
    one, two = await new_customer(db), await new_customer(db)
    both = asyncio.Barrier(2)
    runs = [0]

    async def rename(tx: Transaction, first: Any, second: Any) -> None:
        runs[0] += 1
        await conversations.update_customer(tx, first, display_name="Bo")
        if runs[0] <= 2:
            await both.wait()
        await conversations.update_customer(tx, second, display_name="Bo")

    await asyncio.gather(
        db.write(lambda tx: rename(tx, one.id, two.id)), db.write(lambda tx: rename(tx, two.id, one.id))
    )
    assert runs[0] == 3
