from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import inspect, text
from sqlalchemy.ext.asyncio import create_async_engine

from storage import engines, schema_admin
from storage.database import Database
from storage.migrations import upgrade

metadata = schema_admin.articles.metadata


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/deskhand.db"
    return request.getfixturevalue("empty_postgres")


def constraints(connection: Any) -> dict[str, Any]:
    """What autogeneration does not compare: checks, and where partial indexes apply."""
    inspector = inspect(connection)
    return {
        table: (
            sorted(str(check["name"]) for check in inspector.get_check_constraints(table)),
            sorted(str(index["name"]) for index in inspector.get_indexes(table)),
            sorted((str(key["name"]), str(key["options"])) for key in inspector.get_foreign_keys(table)),
        )
        for table in inspector.get_table_names()
        if table != "alembic_version"
    }


async def test_an_empty_database_comes_to_the_schema_and_stays_there(empty_url: str) -> None:
    db = await Database.open(empty_url)
    assert await db.revision() == "0009"
    await upgrade(empty_url)
    async with db._connection() as connection:

        def differences(sync: Any) -> list[Any]:
            return list(compare_metadata(MigrationContext.configure(sync), metadata))

        assert await connection.run_sync(differences) == []
        migrated = await connection.run_sync(constraints)
    await db.close()
    assert migrated == await made_from_schema(empty_url)


async def made_from_schema(url: str) -> dict[str, Any]:
    """The same facts of a database that schema.py made itself, in place of the migrated one."""
    target = engines.complete_url(url)
    engine = create_async_engine(target)
    async with engine.begin() as connection:
        await connection.run_sync(metadata.drop_all)
        await connection.run_sync(metadata.create_all)
        made = await connection.run_sync(constraints)
    await engine.dispose()
    return made


async def test_a_database_that_was_not_migrated_has_no_revision(empty_url: str) -> None:
    db = await Database.open(empty_url, migrate=False)
    assert await db.revision() is None
    await db.close()


def test_processes_that_start_at_once_migrate_once(empty_url: str) -> None:
    code = "import asyncio, sys; from storage.migrations import upgrade; asyncio.run(upgrade(sys.argv[1]))"
    command = [sys.executable, "-W", "error", "-c", code, empty_url]
    started = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    errors = [process.communicate(timeout=60)[1] for process in started]
    assert [process.returncode for process in started] == [0, 0, 0], errors


async def test_the_claims_and_the_inbox_use_their_indexes(sqlite: Database) -> None:
    owed = "state IN ('pending', 'claimed')"
    plans = {
        f"SELECT number FROM work WHERE work.{owed} AND due_at <= ? ORDER BY due_at, number LIMIT 5": (
            "ix_work_due"
        ),
        f"SELECT number FROM outbox WHERE outbox.{owed} AND due_at <= ? ORDER BY due_at, number": (
            "ix_outbox_due"
        ),
        f"SELECT 1 FROM outbox AS earlier WHERE conversation_id = ? AND number < ? AND earlier.{owed}": (
            "ix_outbox_owed"
        ),
        "SELECT id FROM conversations WHERE status = ? ORDER BY updated_at DESC, id DESC LIMIT 50": (
            "ix_conversations_status_updated_at_id"
        ),
        "SELECT id FROM conversations WHERE (updated_at, id) < (?, ?) ORDER BY updated_at DESC, id DESC": (
            "ix_conversations_updated_at_id"
        ),
        "SELECT text FROM messages WHERE conversation_id = ? AND seq > ? ORDER BY seq LIMIT 500": (
            "uq_messages_conversation_id_seq|sqlite_autoindex_messages"
        ),
        "SELECT id FROM messages WHERE messages.kind = 'agent' AND id > ? ORDER BY id": (
            "ix_messages_from_people"
        ),
    }
    async with sqlite.read() as tx:
        for query, names in plans.items():
            numbered = query
            for number in range(query.count("?")):
                numbered = numbered.replace("?", f":p{number}", 1)
            values = {f"p{number}": 1 for number in range(query.count("?"))}
            rows = await tx.all(text(f"EXPLAIN QUERY PLAN {numbered}").bindparams(**values))
            plan = " ".join(str(row["detail"]) for row in rows)
            assert any(name in plan for name in names.split("|")), plan
            assert "SCAN" not in plan.replace("SCAN conversations USING INDEX", ""), plan
            assert "TEMP B-TREE" not in plan, plan
