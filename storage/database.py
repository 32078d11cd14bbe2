"""The database: opened once, read by many, written in order. Knows no table.

db = await Database.open("sqlite:///deskhand-data/deskhand.db")
received = await db.write(lambda tx: conversations.receive(tx, ...))
async with db.read() as tx:
    page = await inbox.list_conversations(tx)
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final, Literal, TypeVar, cast

from alembic.runtime.migration import MigrationContext
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from storage import engines
from storage.errors import Unavailable
from storage.migrations import upgrade
from storage.transaction import Contended, Transaction, translate
from storage.writer import Writer

__all__ = ["Database", "Dialect", "Transaction", "upgrade"]

Dialect = Literal["sqlite", "postgresql"]
T = TypeVar("T")
_TRIES: Final = 6


class Database:
    """One open database. Made by `open`; every method raises Unavailable when it can't be reached."""

    def __init__(self, engine: AsyncEngine, writer: Writer | None) -> None:
        self.dialect = cast(Dialect, engine.dialect.name)
        self._engine = engine
        self._writer = writer
        self._closed = False

    @classmethod
    async def open(cls, url: str, *, migrate: bool = True) -> Database:
        """Open `sqlite:///file` or `postgresql://...`, brought to the newest revision unless told not to."""
        target = engines.complete_url(url)
        if migrate:
            await upgrade(url)
        if target.get_backend_name() == "sqlite":
            engines.check_sqlite_version()
            db = cls(engines.sqlite_readers(target), Writer(engines.sqlite_writer(target)))
        else:
            db = cls(engines.postgres_engine(target), None)
        try:
            # a failure shows now, not with the first customer; on SQLite it also makes the file
            await db.write(_nothing)
            await db.ping()
        except BaseException:
            await db.close()
            raise
        return db

    async def close(self) -> None:
        """Commit what was submitted and let go of every connection."""
        self._closed = True
        # readers first: the last connection to leave checkpoints, and that must be the writer
        await self._engine.dispose()
        if self._writer is not None:
            await self._writer.close()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Transaction]:
        """A read-only transaction that sees one moment; a write in it raises ReadOnly."""
        async with self._connection() as connection:
            if self.dialect == "postgresql":
                await connection.execution_options(
                    isolation_level="REPEATABLE READ", postgresql_readonly=True
                )
            yield Transaction(connection, writable=False)

    async def write(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        """Run `work` in a transaction and return its result after the commit.

        It may run again after a deadlock, and on SQLite it runs in the writer's thread: it must do
        nothing but use its transaction, and await nothing else. Raises what `work` raised, with
        nothing of it stored, or Unavailable.
        """
        if self._writer is not None:
            return await self._writer.submit(work)
        for attempt in range(_TRIES):
            try:
                return await self._write_once(work)
            except Contended:
                if attempt + 1 == _TRIES:
                    raise
                await asyncio.sleep(random.uniform(0.005, 0.02) * 2**attempt)
        raise AssertionError("unreachable")

    async def _write_once(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        async with self._connection() as connection:
            transaction = Transaction(connection, writable=True)
            result = await work(transaction)
            if transaction.failed is not None:
                # PostgreSQL answers the commit of a failed transaction with a silent rollback
                raise transaction.failed
            await _ours(connection.commit())
            return result

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[AsyncConnection]:
        """A connection that is rolled back at the end, unless committed; what the body raises passes."""
        if self._closed:
            raise Unavailable("the database is closed")
        connection = await _ours(self._engine.connect().start())
        try:
            yield connection
        finally:
            await connection.close()

    async def settle(self) -> bool:
        """Let no copy of what was deleted stay beside the database: SQLite's write-ahead log is emptied.

        False where readers were in the way for a second: it is emptied later. PostgreSQL has its VACUUM.
        """
        if self._writer is None:
            return True
        for _ in range(_TRIES):
            if await self._writer.checkpoint():
                return True
            await asyncio.sleep(0.2)
        return False

    async def ping(self) -> None:
        """Return when the database answers; raises Unavailable otherwise."""
        if self._writer is not None and not self._writer.alive:
            raise Unavailable("the writer has stopped")
        async with self.read() as tx:
            await tx.execute(select(1))

    async def revision(self) -> str | None:
        """The migration that the database is at, such as "0001"; None for an empty one."""
        async with self._connection() as connection:
            return await _ours(
                connection.run_sync(lambda sync: MigrationContext.configure(sync).get_current_revision())
            )


async def _nothing(tx: Transaction) -> None:
    """A work that only needs the database to be there."""
    await tx.execute(select(1))


async def _ours(call: Awaitable[T]) -> T:
    """Await a call of SQLAlchemy's; its errors come out as ours."""
    try:
        return await call
    except (SQLAlchemyError, OSError) as error:
        raise translate(error) from None
