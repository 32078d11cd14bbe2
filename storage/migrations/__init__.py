"""Bring a database to the newest revision. Knows no table; the revisions do.

Alembic brings its own copy of every table in `versions/`, so that a later schema can't change an
earlier revision.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from sqlalchemy import text
from sqlalchemy.engine import URL, Connection
from sqlalchemy.exc import SQLAlchemyError

from storage import engines
from storage.transaction import translate

_LOCK: Final = 0x6465736B68616E64
"""The advisory lock under which nodes migrate one after the other."""


async def upgrade(url: str) -> None:
    """Migrate to the head in one transaction; safe when several nodes start at once.

    Raises Unavailable when the database can't be reached. Runs in a thread, since Alembic blocks.
    """
    target = engines.complete_url(url)
    try:
        if target.get_backend_name() == "sqlite":
            await asyncio.to_thread(_upgrade_sqlite, target)
        else:
            await asyncio.to_thread(lambda: asyncio.run(_upgrade_postgres(target)))
    except (SQLAlchemyError, OSError) as error:
        raise translate(error) from error


def _upgrade_sqlite(url: URL) -> None:
    engine = engines.sqlite_writer(url)
    try:
        with engine.begin() as connection:
            _to_head(connection)
    finally:
        engine.dispose()


async def _upgrade_postgres(url: URL) -> None:
    engine = engines.postgres_engine(url, migrating=True)
    try:
        async with engine.begin() as connection:
            await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
            await connection.run_sync(_to_head)
    finally:
        await engine.dispose()


def _to_head(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
