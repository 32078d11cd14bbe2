"""Messages that we owe to customers, sent in the order of their conversation. Knows no channel.

A row ends as sent, failed (the channel refused it for good) or unknown (it may have been sent, and an
agent has to look); only pending and claimed rows hold up the later messages of their conversation.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import or_, select, update

from storage import claims
from storage.errors import NotFound
from storage.records import Conversation, OutboxItem
from storage.rows import to_outbox_item
from storage.schema import messages
from storage.schema import outbox as table
from storage.stamps import new_id, now
from storage.transaction import Transaction


async def add(tx: Transaction, *, message_id: UUID, conversation: Conversation, automatic: bool) -> None:
    """Owe a message to the customer; the caller holds the conversation's lock (post does)."""
    row = {
        "id": new_id(),
        "message_id": message_id,
        "conversation_id": conversation.id,
        "customer_id": conversation.customer_id,
        "channel": conversation.channel,
        "automatic": automatic,
        "attempts": 0,
        "state": "pending",
        "due_at": now(),
        "claimed_by": None,
        "uncertain": False,
        "channel_msg_id": None,
        "error": None,
    }
    await tx.insert(table, [row])


async def claim(tx: Transaction, *, limit: int, node: str, lease_seconds: float) -> list[OutboxItem]:
    """Take up to `limit` due messages for `node`, oldest first, one at most of each conversation.

    A claim whose lease has run out is handed out again, marked `uncertain`.
    """
    rows = await claims.claim(
        tx,
        table,
        limit=limit,
        node=node,
        lease_seconds=lease_seconds,
        # SET sees the old row: still "claimed" means that nobody reported how that attempt ended
        uncertain=or_(table.c.uncertain, table.c.state == "claimed"),
    )
    ids = [row[table.c.message_id] for row in rows]
    texts: dict[UUID, str] = {}
    if ids:
        found = await tx.all(select(messages.c.id, messages.c.text).where(messages.c.id.in_(ids)))
        texts = {row[messages.c.id]: row[messages.c.text] for row in found}
    return [to_outbox_item(row, texts[row[table.c.message_id]]) for row in rows]


async def item(tx: Transaction, outbox_id: UUID) -> OutboxItem:
    """One row with its message's text; raises NotFound."""
    joined = select(table, messages.c.text).join(messages, messages.c.id == table.c.message_id)
    row = await tx.first(joined.where(table.c.id == outbox_id))
    if row is None:
        raise NotFound("no such outbox row")
    return to_outbox_item(row, row["text"])


async def sent(tx: Transaction, outbox_id: UUID, channel_msg_id: str | None) -> bool:
    """The channel took it. Believed whoever holds the row now; False when that was known already."""
    return await _end(tx, outbox_id, "sent", channel_msg_id=channel_msg_id, error=None)


async def failed(tx: Transaction, outbox_id: UUID, error: str) -> bool:
    """The channel refused it for good. False when it was sent already."""
    return await _end(tx, outbox_id, "failed", error=error[:500])


async def unknown(tx: Transaction, outbox_id: UUID, error: str) -> bool:
    """It may have reached the customer, and nothing can tell: never sent again by itself."""
    return await _end(tx, outbox_id, "unknown", error=error[:500])


async def _end(tx: Transaction, outbox_id: UUID, state: str, **values: Any) -> bool:
    ended = (
        update(table)
        .where(table.c.id == outbox_id, table.c.state != "sent")
        .values(state=state, claimed_by=None, **values)
        .returning(table.c.message_id)
    )
    row = await tx.first(ended)
    if row is None:
        return False
    shown: dict[str, Any] = {"delivery": state}
    if values.get("channel_msg_id") is not None:
        shown["channel_msg_id"] = values["channel_msg_id"]
    # what the customer has seen stays delivered, whatever the channel says later
    mine = update(messages).where(messages.c.id == row["message_id"], messages.c.delivery != "delivered")
    await tx.execute(mine.values(**shown))
    return True


async def retry(
    tx: Transaction,
    outbox_id: UUID,
    delay_seconds: float,
    error: str,
    *,
    node: str | None = None,
    uncertain: bool = False,
) -> bool:
    """Try again after a delay; the conversation's later messages wait. False when it was not claimed.

    Pass `uncertain` when this attempt, too, may have reached the channel.
    """
    return await claims.put_back(
        tx,
        table,
        outbox_id,
        delay_seconds=delay_seconds,
        error=error,
        node=node,
        uncertain=uncertain,
    )


async def release_all(tx: Transaction, node: str) -> int:
    """Give back everything that `node` had claimed, marked uncertain: at its start, and when it stops."""
    return await claims.release_all(tx, table, node, uncertain=True)


async def depth(tx: Transaction) -> int:
    """How many messages are owed, claimed ones included."""
    return await claims.depth(tx, table)
