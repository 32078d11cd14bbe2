"""How conversations open: the customer's first message of each, with its reading. Knows no model."""

from __future__ import annotations

from sqlalchemy import and_, func, select

from storage.analyses import EMBEDDING_MODEL
from storage.records import Opening
from storage.schema import analyses, messages, vectors
from storage.transaction import Transaction

_earlier = messages.alias("earlier")


async def openings(tx: Transaction, *, limit: int, model: str = EMBEDDING_MODEL) -> list[Opening]:
    """The openings of the newest `limit` conversations that have one, newest first."""
    first = (
        select(func.min(_earlier.c.seq))
        .where(_earlier.c.conversation_id == messages.c.conversation_id, _earlier.c.kind == "customer")
        .scalar_subquery()
    )
    embedded = and_(vectors.c.ref_id == messages.c.id, vectors.c.kind == "message", vectors.c.model == model)
    rows = await tx.all(
        select(
            messages.c.id,
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
    return [
        Opening(
            message_id=row[messages.c.id],
            text=row[messages.c.text],
            intent=row[analyses.c.intent],
            intent_score=row[analyses.c.intent_score],
            spans=tuple((one["start"], one["end"]) for one in row[analyses.c.entities] or ()),
            vector=row[vectors.c.vector],
        )
        for row in rows
    ]
