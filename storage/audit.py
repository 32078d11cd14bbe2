"""Who did what: appended to, read, never changed. Knows no message's text.

There is no function here that changes or removes an entry, on purpose. Pages are read in the order of an
index, newest first, whatever they are filtered by, so that one costs the same in a log of any length.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Column, func, literal, select, tuple_
from sqlalchemy.sql import Select

from storage.columns import UtcTime
from storage.errors import InvalidCursor
from storage.records import AuditEntry
from storage.rows import build
from storage.schema_admin import audit as table
from storage.stamps import now
from storage.transaction import Transaction


@dataclass(frozen=True, slots=True)
class Filter:
    """Which entries: of one actor, of one action, from a moment on, before a moment; all by default."""

    actor: str | None = None
    action: str | None = None
    since: datetime | None = None
    until: datetime | None = None


EVERY = Filter()


async def append(
    tx: Transaction,
    *,
    actor_id: UUID | None,
    actor: str,
    action: str,
    subject: str,
    details: Mapping[str, Any] | None = None,
) -> AuditEntry:
    """Add an entry; `actor` is a name that still says something when the account is gone."""
    row: dict[str, Any] = {
        "at": now(),
        "actor_id": actor_id,
        "actor": actor,
        "action": action,
        "subject": subject,
        "details": dict(details or {}),
    }
    number = await tx.scalar(table.insert().values(**row).returning(table.c.number))
    return AuditEntry(number=int(number), **row)


async def entries(
    tx: Transaction, *, before: int | None = None, limit: int = 100, only: Filter = EVERY
) -> list[AuditEntry]:
    """Entries, newest first; `before` is the number of the last one of the page before.

    Raises InvalidCursor where there is no entry of this number.
    """
    query = page(only).limit(limit)
    if before is not None:
        last = await tx.first(select(table.c.at).where(table.c.number == before))
        if last is None:
            raise InvalidCursor("there is no entry of this number")
        place = tuple_(literal(last["at"], UtcTime()), literal(before))
        query = query.where(tuple_(table.c.at, table.c.number) < place)
    return [build(AuditEntry, row, table) for row in await tx.all(query)]


def page(only: Filter) -> Select[Any]:
    """The entries of a filter, newest first."""
    query = select(table).order_by(table.c.at.desc(), table.c.number.desc())
    if only.actor is not None:
        query = query.where(table.c.actor == only.actor)
    if only.action is not None:
        query = query.where(table.c.action == only.action)
    if only.since is not None:
        query = query.where(table.c.at >= only.since)
    if only.until is not None:
        query = query.where(table.c.at < only.until)
    return query


async def actors(tx: Transaction) -> list[str]:
    """Who has an entry, by name."""
    return await _distinct(tx, table.c.actor)


async def actions(tx: Transaction) -> list[str]:
    """What was done at least once, by name."""
    return await _distinct(tx, table.c.action)


async def _distinct(tx: Transaction, column: Column[Any]) -> list[str]:
    """The values of a column that an index begins with, one step of the index for each of them."""
    found = select(func.min(column).label("value")).cte("found", recursive=True)
    following = select(func.min(column)).where(column > found.c.value).scalar_subquery()
    found = found.union_all(select(following).where(found.c.value.is_not(None)))
    rows = await tx.all(select(found.c.value).where(found.c.value.is_not(None)))
    return [row["value"] for row in rows]
