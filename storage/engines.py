"""Connections, set up the way our promises need them. Knows no table and no transaction of ours.

SQLite: WAL, synchronous FULL, foreign keys on, one writing connection that begins IMMEDIATE and
overwrites what it deletes, readers that can't write. PostgreSQL: synchronous commit, timeouts, checked
connections.
"""

from __future__ import annotations

import logging
import sqlite3
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, event
from sqlalchemy.engine import URL, Connection, Engine, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from storage.errors import StorageError, Unavailable

log = logging.getLogger("deskhand.storage")

BUSY_TIMEOUT_MS = 5_000
POOL_SIZE = 10
"""PostgreSQL connections of one node, and twice the SQLite readers."""

_DRIVERS = {
    "sqlite": "sqlite+aiosqlite",
    "postgres": "postgresql+asyncpg",
    "postgresql": "postgresql+asyncpg",
}


def complete_url(url: str) -> URL:
    """Parse a database URL and name its async driver; raises StorageError when it can't be used."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        # the cause would quote the URL, password included
        raise StorageError("the database URL can't be read") from None
    parsed = parsed.set(drivername=_DRIVERS.get(parsed.drivername, parsed.drivername))
    if parsed.drivername not in _DRIVERS.values():
        raise StorageError(f"no such kind of database: {parsed.drivername}")
    if parsed.get_backend_name() == "sqlite" and parsed.database in (None, "", ":memory:"):
        raise StorageError("SQLite needs a file: one in memory can't be shared by writer and readers")
    return parsed


def sqlite_writer(url: URL) -> Engine:
    """The one connection that writes to a SQLite file; its transactions begin IMMEDIATE."""
    if url.database:
        _make_folder(Path(url.database).parent)
    engine = create_engine(
        url.set(drivername="sqlite"), hide_parameters=True, pool_size=1, max_overflow=0, pool_timeout=10
    )
    _set_up(engine, writing=True)
    return engine


def sqlite_readers(url: URL) -> AsyncEngine:
    """Connections that can't write to a SQLite file; all are kept.

    One beyond the pool's size would be opened and closed with its thread for each read, just when there is
    most to do.
    """
    engine = create_async_engine(
        url, hide_parameters=True, pool_size=POOL_SIZE, max_overflow=0, pool_timeout=10
    )
    _set_up(engine.sync_engine, writing=False)
    return engine


def _set_up(engine: Engine, *, writing: bool) -> None:
    @event.listens_for(engine, "connect")
    def _connected(connection: Any, _record: Any) -> None:
        # the driver must not begin transactions by itself: it would begin deferred ones, which
        # fail at once when they turn from reading to writing beside another writer
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
        if writing:
            cursor.execute("PRAGMA journal_mode=WAL")
            # who is erased must not stay readable in the file's free pages
            cursor.execute("PRAGMA secure_delete=ON")
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.execute("PRAGMA trusted_schema=OFF")
        cursor.execute(f"PRAGMA query_only={'OFF' if writing else 'ON'}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begun(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Unavailable(f"the folder of the database can't be made: {error.strerror}") from error


def postgres_engine(url: URL, *, migrating: bool = False) -> AsyncEngine:
    """A pool for PostgreSQL; a migration may wait for another node, so it has no statement timeout."""
    settings = {"application_name": "deskhand", "synchronous_commit": "on"}
    if not migrating:
        settings |= {"statement_timeout": "5s", "idle_in_transaction_session_timeout": "10s"}
    return create_async_engine(
        url,
        hide_parameters=True,
        pool_size=1 if migrating else POOL_SIZE,
        max_overflow=0,
        pool_timeout=10,
        pool_pre_ping=True,
        connect_args={"server_settings": settings, "timeout": 10},
    )


def has_wal_reset_bug(version: tuple[int, ...]) -> bool:
    """Whether this SQLite may lose commits when two connections write or checkpoint (3.7.0 to 3.51.2)."""
    repaired_branches: dict[tuple[int, ...], tuple[int, ...]] = {(3, 44): (3, 44, 6), (3, 50): (3, 50, 7)}
    repaired = repaired_branches.get(version[:2], (3, 51, 3))
    return (3, 7, 0) <= version < repaired


def check_sqlite_version() -> None:
    """Warn where the WAL-reset bug is; we stay clear of it, another program on the file would not."""
    if has_wal_reset_bug(sqlite3.sqlite_version_info):
        log.warning(
            "SQLite %s has the WAL-reset bug (repaired in 3.51.3): run one process on this file only",
            sqlite3.sqlite_version,
        )
