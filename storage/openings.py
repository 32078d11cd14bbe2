"""How conversations open: the customer's first message of each, with its reading. Knows no model."""

from __future__ import annotations

from sqlalchemy import and_, func, select

from storage.analyses import EMBEDDING_MODEL
from storage.records import Opening
from storage.schema import analyses, conversations, customers, messages, vectors
from storage.transaction import Transaction

_earlier = messages.alias("earlier")


async def openings(
    tx: Transaction, *, limit: int, model: str = EMBEDDING_MODEL, resolved: bool = False
) -> list[Opening]:
    """The openings of the newest `limit` conversations that have one, newest first.

    `resolved`: only of conversations that are, and of customers who may be learned from.
    """
    first = (
        select(func.min(_earlier.c.seq))
        .where(_earlier.c.conversation_id == messages.c.conversation_id, _earlier.c.kind == "customer")
        .scalar_subquery()
    )
    embedded = and_(vectors.c.ref_id == messages.c.id, vectors.c.kind == "message", vectors.c.model == model)
    found = (
        select(
            messages.c.id,
            messages.c.conversation_id,
            messages.c.customer_id,
            messages.c.text,
            analyses.c.intent,
            analyses.c.intent_score,
            analyses.c.entities,
            vectors.c.vector,
        )
        .outerjoin(analyses, analyses.c.message_id == messages.c.id)
        .outerjoin(vectors, embedded)
        .where(messages.c.kind == "customer", messages.c.seq == first)
        .order_by(messages.c.id.desc())
        .limit(limit)
    )
    if resolved:
        found = (
            found.join(conversations, conversations.c.id == messages.c.conversation_id)
            .join(customers, customers.c.id == conversations.c.customer_id)
            .where(conversations.c.status == "resolved", customers.c.learn_from)
        )
    return [
        Opening(
            message_id=row[messages.c.id],
            text=row[messages.c.text],
            intent=row[analyses.c.intent],
            intent_score=row[analyses.c.intent_score],
            spans=tuple((one["start"], one["end"]) for one in row[analyses.c.entities] or ()),
            vector=row[vectors.c.vector],
            conversation_id=row[messages.c.conversation_id],
            customer_id=row[messages.c.customer_id],
        )
        for row in await tx.all(found)
    ]
