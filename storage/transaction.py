"""One transaction, as every function of storage takes it, and how SQL errors become ours.

Knows no table. Chained causes are cut on purpose: a driver's error may quote the failing row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection, CursorResult, RowMapping
from sqlalchemy.exc import DBAPIError, SQLAlchemyError, StatementError
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql import Executable

from storage.errors import Conflict, NotFound, ReadOnly, StorageError, Unavailable

_CONTENTION = {"40001", "40P01"}
_OUT_OF_ORDER = ("08", "28", "3D", "53", "55P03", "57", "58", "XX")
"""SQLSTATEs where trying again later may help: connection, sign-in, no such database, resources, lock
timeout, operator, system."""
_SQLITE_OUT_OF_ORDER = (
    "SQLITE_BUSY",
    "SQLITE_LOCKED",
    "SQLITE_FULL",
    "SQLITE_IOERR",
    "SQLITE_NOMEM",
    "SQLITE_INTERRUPT",
    "SQLITE_CANTOPEN",
    "SQLITE_READONLY",
    "SQLITE_CORRUPT",
    "SQLITE_NOTADB",
    "SQLITE_PROTOCOL",
)


class Contended(Unavailable):
    """PostgreSQL broke a deadlock or a serialization cycle; the whole transaction may be run again."""


def translate(error: BaseException, *, writable: bool = True) -> StorageError:
    """The StorageError that stands for a driver's or SQLAlchemy's error; never quotes values."""
    if isinstance(error, StatementError) and isinstance(error.orig, StorageError):
        return error.orig
    if isinstance(error, StatementError) and not isinstance(error, DBAPIError):
        return StorageError(f"a value can't be stored: {type(error.orig).__name__}")
    if not isinstance(error, DBAPIError):
        return Unavailable(f"the database did not answer: {type(error).__name__}")
    name = getattr(error.orig, "sqlite_errorname", None)
    if name is not None:
        return _from_sqlite(str(name), writable)
    return _from_postgres(str(getattr(error.orig, "sqlstate", None) or ""), error)


def _from_sqlite(name: str, writable: bool) -> StorageError:
    if name in ("SQLITE_CONSTRAINT_UNIQUE", "SQLITE_CONSTRAINT_PRIMARYKEY"):
        return Conflict("there is such a row already")
    if name == "SQLITE_CONSTRAINT_FOREIGNKEY":
        return NotFound("what this row refers to does not exist")
    if name.startswith("SQLITE_READONLY") and not writable:
        return ReadOnly("a read transaction can't write")
    if name.startswith(_SQLITE_OUT_OF_ORDER):
        return Unavailable(f"the database can't do this now: {name}")
    return StorageError(f"the database refused a statement: {name}")


def _from_postgres(state: str, error: DBAPIError) -> StorageError:
    if state == "23505":
        return Conflict("there is such a row already")
    if state == "23503":
        return NotFound("what this row refers to does not exist")
    if state == "25006":
        return ReadOnly("a read transaction can't write")
    if state in _CONTENTION:
        return Contended(f"the database asks for another try: {state}")
    if error.connection_invalidated or not state or state.startswith(_OUT_OF_ORDER):
        return Unavailable(f"the database can't do this now: {state or 'no connection'}")
    return StorageError(f"the database refused a statement: {state}")


class Transaction:
    """A running transaction; made by Database, handed to the functions of this package.

    Its methods raise StorageErrors only. `failed` is the error after which it can't be committed
    any more, even where the work caught it.
    """

    __slots__ = ("_connection", "dialect", "failed", "writable")

    def __init__(self, connection: AsyncConnection | Connection, *, writable: bool) -> None:
        self._connection = connection
        self.dialect = connection.dialect.name
        self.writable = writable
        self.failed: StorageError | None = None

    async def execute(
        self, statement: Executable, rows: Sequence[Mapping[str, Any]] | None = None
    ) -> CursorResult[Any]:
        """Run a statement, once or for each of `rows`."""
        try:
            if isinstance(self._connection, AsyncConnection):
                return await self._connection.execute(statement, rows)
            # the SQLite writer's own thread, where waiting holds nobody up
            return self._connection.execute(statement, rows)
        except (SQLAlchemyError, OSError) as error:
            self._fail(error)

    def _fail(self, error: BaseException) -> NoReturn:
        ours = translate(error, writable=self.writable)
        # SQLite undoes a refused statement alone; PostgreSQL gives the transaction up with it
        if self.dialect != "sqlite" or isinstance(ours, Unavailable):
            self.failed = ours
        raise ours from None

    async def all(self, statement: Executable) -> Sequence[RowMapping]:
        """Every row."""
        return (await self.execute(statement)).mappings().all()

    async def first(self, statement: Executable) -> RowMapping | None:
        """The first row, or None."""
        return (await self.execute(statement)).mappings().first()

    async def one(self, statement: Executable) -> RowMapping:
        """The first row; raises NotFound when there is none."""
        row = await self.first(statement)
        if row is None:
            raise NotFound("there is no such row")
        return row

    async def scalar(self, statement: Executable) -> Any:
        """The first column of the first row, or None."""
        return (await self.execute(statement)).scalar()

    async def changed(self, statement: Executable) -> int:
        """How many rows a statement touched."""
        return (await self.execute(statement)).rowcount

    async def insert(self, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
        """Insert rows; none at all is fine."""
        if rows:
            await self.execute(table.insert(), rows)

    async def insert_new(self, table: Table, row: Mapping[str, Any]) -> bool:
        """Insert unless a unique key is taken; whether it was inserted."""
        statement = self._insert(table).values(**row).on_conflict_do_nothing()
        return await self.changed(statement) > 0

    async def upsert(self, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
        """Insert rows, or overwrite all but the key of those whose primary key is there already."""
        if not rows:
            return
        statement = self._insert(table)
        keys = list(table.primary_key.columns)
        rest = {name: statement.excluded[name] for name in rows[0] if table.c[name] not in set(keys)}
        await self.execute(statement.on_conflict_do_update(index_elements=keys, set_=rest), rows)

    def _insert(self, table: Table) -> postgresql.Insert | sqlite.Insert:
        return sqlite.insert(table) if self.dialect == "sqlite" else postgresql.insert(table)
