"""Work that is owed on messages: to read them, to draft. Knows not what the work is.

Rows are finished by deletion; one that failed too often is kept as dead and blocks nobody.
"""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import delete, select, update

from storage import claims
from storage.errors import NotFound
from storage.records import WorkItem
from storage.rows import build
from storage.schema import conversations
from storage.schema import work as table
from storage.stamps import new_id, now
from storage.transaction import Transaction


async def add(tx: Transaction, *, kind: str, conversation_id: UUID, message_id: UUID) -> UUID:
    """Owe some work on a message, due at once; raises NotFound for an unknown conversation."""
    # the lock keeps the order of numbers equal to the order of commits within a conversation
    lock = select(conversations.c.id).where(conversations.c.id == conversation_id)
    if await tx.first(lock.with_for_update(key_share=True)) is None:
        raise NotFound("no such conversation")
    return await add_locked(tx, kind=kind, conversation_id=conversation_id, message_id=message_id)


async def add_locked(tx: Transaction, *, kind: str, conversation_id: UUID, message_id: UUID) -> UUID:
    """The same for a caller who holds the conversation's lock already."""
    work_id = new_id()
    row = {
        "id": work_id,
        "kind": kind,
        "conversation_id": conversation_id,
        "message_id": message_id,
        "attempts": 0,
        "state": "pending",
        "due_at": now(),
        "claimed_by": None,
        "error": None,
    }
    await tx.insert(table, [row])
    return work_id


async def claim(tx: Transaction, *, limit: int, node: str, lease_seconds: float) -> list[WorkItem]:
    """Take up to `limit` due rows for `node`, oldest first, never two of one conversation.

    A claim whose lease has run out belongs to a lost process and is handed out again.
    """
    rows = await claims.claim(tx, table, limit=limit, node=node, lease_seconds=lease_seconds)
    return [build(WorkItem, row, table) for row in rows]


async def finish(tx: Transaction, work_id: UUID, *, node: str | None = None) -> bool:
    """The work is done. False when it was no longer ours (or, with `node`, no longer that node's)."""
    done = delete(table).where(table.c.id == work_id)
    if node is not None:
        done = done.where(table.c.claimed_by == node)
    return await tx.changed(done) > 0


async def retry(
    tx: Transaction, work_id: UUID, delay_seconds: float, error: str, *, node: str | None = None
) -> bool:
    """Try again after a delay; later work of the conversation waits. False when it was no longer ours."""
    return await claims.put_back(tx, table, work_id, delay_seconds=delay_seconds, error=error, node=node)


async def give_up(tx: Transaction, work_id: UUID, error: str) -> bool:
    """Keep the row as dead, with the reason; the conversation's next work can go on."""
    dead = {"state": "dead", "error": error[:500], "claimed_by": None}
    return await tx.changed(update(table).where(table.c.id == work_id).values(**dead)) > 0


async def release_all(tx: Transaction, node: str) -> int:
    """Give back everything that `node` had claimed: at its start after a crash, and when it stops."""
    return await claims.release_all(tx, table, node)


async def depth(tx: Transaction) -> int:
    """How much work is owed, claimed work included."""
    return await claims.depth(tx, table)
