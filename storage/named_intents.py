"""Intents that admins have named, each with customers' messages as its examples. Knows no model.

An example is a reference to a message: when a customer is erased, their words leave every intent.
An intent whose last example has gone stays, listed and unused, until it is removed.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import and_, delete, select, update

from storage.analyses import EMBEDDING_MODEL
from storage.errors import NotFound
from storage.records import NamedIntent
from storage.rows import build
from storage.schema import messages, vectors
from storage.schema_admin import named_intent_examples as examples
from storage.schema_admin import named_intents as table
from storage.stamps import new_id, now
from storage.transaction import Transaction


async def name_messages(tx: Transaction, name: str, message_ids: Sequence[UUID]) -> NamedIntent:
    """Make these customers' messages examples of the intent `name`, which is made where it is new.

    Messages that have gone since are passed over; raises NotFound where none is left.
    """
    customers = select(messages.c.id).where(messages.c.id.in_(message_ids), messages.c.kind == "customer")
    there = [row[messages.c.id] for row in await tx.all(customers)]
    if not there:
        raise NotFound("none of these messages is there any more")
    time = now()
    await tx.insert_new(table, {"id": new_id(), "name": name, "created_at": time, "updated_at": time})
    intent_id = await tx.scalar(select(table.c.id).where(table.c.name == name))
    await tx.execute(update(table).where(table.c.id == intent_id).values(updated_at=time))
    for message_id in there:
        await tx.insert_new(examples, {"intent_id": intent_id, "message_id": message_id})
    return await named_intent(tx, intent_id)


async def named_intent(tx: Transaction, intent_id: UUID) -> NamedIntent:
    """The intent; raises NotFound."""
    found = await _with_examples(tx, intent_id)
    if not found:
        raise NotFound("no such intent")
    return found[0]


async def list_named_intents(tx: Transaction) -> list[NamedIntent]:
    """All of them by name."""
    return await _with_examples(tx)


async def delete_named_intent(tx: Transaction, intent_id: UUID) -> None:
    """Remove an intent; its messages stay. Raises NotFound."""
    if not await tx.changed(delete(table).where(table.c.id == intent_id)):
        raise NotFound("no such intent")


async def example_vectors(tx: Transaction, *, model: str = EMBEDDING_MODEL) -> list[tuple[str, UUID, bytes]]:
    """(intent name, message_id, float32 embedding) of every example that was read, in a fixed order."""
    embedded = and_(
        vectors.c.ref_id == examples.c.message_id, vectors.c.kind == "message", vectors.c.model == model
    )
    rows = await tx.all(
        select(table.c.name, examples.c.message_id, vectors.c.vector)
        .join(examples, examples.c.intent_id == table.c.id)
        .join(vectors, embedded)
        .order_by(table.c.name, examples.c.message_id)
    )
    return [(row[table.c.name], row[examples.c.message_id], row[vectors.c.vector]) for row in rows]


async def _with_examples(tx: Transaction, intent_id: UUID | None = None) -> list[NamedIntent]:
    wanted = select(table).order_by(table.c.name)
    texts = (
        select(examples.c.intent_id, examples.c.message_id, messages.c.text)
        .join(messages, messages.c.id == examples.c.message_id)
        .order_by(examples.c.message_id)
    )
    if intent_id is not None:
        wanted = wanted.where(table.c.id == intent_id)
        texts = texts.where(examples.c.intent_id == intent_id)
    said: dict[UUID, list[tuple[UUID, str]]] = {}
    for row in await tx.all(texts):
        pair = (row[examples.c.message_id], row[messages.c.text])
        said.setdefault(row[examples.c.intent_id], []).append(pair)
    return [
        build(NamedIntent, row, table, examples=tuple(said.get(row[table.c.id], ())))
        for row in await tx.all(wanted)
    ]
