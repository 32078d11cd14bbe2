"""A PostgreSQL server for the tests that run on both kinds of database: made, emptied and dropped here."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Coroutine
from typing import Any

import asyncpg

from storage import schema_admin

SERVER = os.environ.get("DESKHAND_TEST_POSTGRES", "postgresql://postgres@127.0.0.1:5432/")
"""A PostgreSQL server on which the tests may make and drop databases."""


def run_apart(work: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine on a loop of its own, in a thread of its own, away from the test's loop."""
    outcome: list[Any] = []

    def run() -> None:
        try:
            outcome.append(asyncio.run(work))
        except Exception as error:
            outcome.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if isinstance(outcome[0], Exception):
        raise outcome[0]
    return outcome[0]


async def on_server(*statements: str) -> None:
    """Run statements outside of any database of ours."""
    await on_database(SERVER + "postgres", *statements)


async def on_database(url: str, *statements: str) -> None:
    """Run statements, each in a transaction of its own."""
    connection = await asyncpg.connect(url, timeout=3)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


def empty(url: str) -> None:
    """Take every row out: making a database takes a second, this takes milliseconds."""
    tables = reversed(schema_admin.metadata.sorted_tables)
    run_apart(on_database(url, "; ".join(f"DELETE FROM {table.name}" for table in tables)))
