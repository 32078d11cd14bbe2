"""One shelf for all embeddings, by kind, id and model. Knows no dimension: a vector is bytes to it.

Kinds in use: "message" (a message's own), "reply" (what a customer had said before an agent's
message, under that message's id), "article".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

from sqlalchemy import delete, select

from storage.schema import vectors
from storage.transaction import Transaction

_AT_ONCE: Final = 1_000
"""Ids in one statement: databases bound the number of parameters."""


async def put_vectors(tx: Transaction, kind: str, model: str, items: Mapping[UUID, bytes]) -> None:
    """Store embeddings by the id of what they embed, in place of earlier ones."""
    rows = [{"kind": kind, "ref_id": ref, "model": model, "vector": item} for ref, item in items.items()]
    await tx.upsert(vectors, rows)


async def get_vectors(
    tx: Transaction, kind: str, model: str, ref_ids: Sequence[UUID] | None = None
) -> dict[UUID, bytes]:
    """The embeddings of these ids (those that have one), or of all of the kind."""
    of_kind = select(vectors.c.ref_id, vectors.c.vector).where(
        vectors.c.kind == kind, vectors.c.model == model
    )
    if ref_ids is None:
        return {row["ref_id"]: row["vector"] for row in await tx.all(of_kind)}
    found: dict[UUID, bytes] = {}
    for start in range(0, len(ref_ids), _AT_ONCE):
        some = of_kind.where(vectors.c.ref_id.in_(ref_ids[start : start + _AT_ONCE]))
        found |= {row["ref_id"]: row["vector"] for row in await tx.all(some)}
    return found


async def drop_vectors(tx: Transaction, kind: str, *, model: str | None = None) -> int:
    """Remove a kind's embeddings, of one model or of all; how many those were."""
    gone = delete(vectors).where(vectors.c.kind == kind)
    return await tx.changed(gone if model is None else gone.where(vectors.c.model == model))
