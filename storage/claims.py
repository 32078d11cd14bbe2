"""Rows that are owed, claimed by one node at a time. Knows the two tables of that shape by argument.

Only the oldest owed row of a conversation can be claimed. That one rule keeps a conversation's rows
in order and makes two claims in one conversation impossible, also between PostgreSQL nodes that skip
each other's locks. It needs rows to be inserted under the lock of their conversation.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Table, and_, exists, func, select, text, update
from sqlalchemy.engine import RowMapping

from storage.stamps import now
from storage.transaction import Transaction

_OWED: Final = "state IN ('pending', 'claimed')"
"""As it stands in the partial indexes: a planner can't match bound parameters with them."""


async def claim(
    tx: Transaction, table: Table, *, limit: int, node: str, lease_seconds: float, **changes: Any
) -> Sequence[RowMapping]:
    """Claim up to `limit` due rows for `node`, oldest first, for `lease_seconds`.

    A claimed row whose lease has run out is due again. `changes` are further columns to set.
    """
    time = now()
    earlier = table.alias("earlier")
    blocked = exists().where(
        earlier.c.conversation_id == table.c.conversation_id,
        earlier.c.number < table.c.number,
        text(f"earlier.{_OWED}"),
    )
    due = (
        select(table.c.number)
        .where(text(f"{table.name}.{_OWED}"), table.c.due_at <= time, ~blocked)
        .order_by(table.c.due_at, table.c.number)
        .limit(limit)
        .with_for_update(skip_locked=True, of=table)
    )
    numbers = [row[table.c.number] for row in await tx.all(due)]
    if not numbers:
        return []
    taken = await tx.all(
        update(table)
        .where(table.c.number.in_(numbers))
        .values(
            state="claimed",
            claimed_by=node,
            attempts=table.c.attempts + 1,
            due_at=time + timedelta(seconds=lease_seconds),
            **changes,
        )
        .returning(*table.c)
    )
    return sorted(taken, key=lambda row: int(row[table.c.number]))


async def put_back(
    tx: Transaction,
    table: Table,
    row_id: UUID,
    *,
    delay_seconds: float,
    error: str,
    node: str | None,
    **changes: Any,
) -> bool:
    """Make a claimed row due again after a delay; False when it is no longer claimed (by `node`)."""
    mine = and_(table.c.id == row_id, table.c.state == "claimed")
    if node is not None:
        mine = and_(mine, table.c.claimed_by == node)
    due = now() + timedelta(seconds=delay_seconds)
    values = {"state": "pending", "claimed_by": None, "due_at": due, "error": error[:500], **changes}
    return await tx.changed(update(table).where(mine).values(**values)) > 0


async def release_all(tx: Transaction, table: Table, node: str, **changes: Any) -> int:
    """Give back everything that `node` holds, due at once; how many rows that were."""
    mine = and_(text(f"{table.name}.{_OWED}"), table.c.state == "claimed", table.c.claimed_by == node)
    values = {"state": "pending", "claimed_by": None, "due_at": now(), **changes}
    return await tx.changed(update(table).where(mine).values(**values))


async def depth(tx: Transaction, table: Table) -> int:
    """How many rows are owed, claimed ones included."""
    count = select(func.count()).select_from(table).where(text(_OWED))
    return int(await tx.scalar(count))
