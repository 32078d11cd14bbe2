"""Who did what: appended to, read, never changed. Knows no message's text.

There is no function here that changes or removes an entry, on purpose.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import select

from storage.records import AuditEntry
from storage.rows import build
from storage.schema_admin import audit as table
from storage.stamps import now
from storage.transaction import Transaction


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


async def entries(tx: Transaction, *, before: int | None = None, limit: int = 100) -> list[AuditEntry]:
    """Entries, newest first; `before` is the number of the last one of the page before."""
    newest = select(table).order_by(table.c.number.desc()).limit(limit)
    if before is not None:
        newest = newest.where(table.c.number < before)
    return [build(AuditEntry, row, table) for row in await tx.all(newest)]
