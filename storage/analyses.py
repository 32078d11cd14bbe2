"""Readings of messages and their embeddings. Knows no model: a version is a name to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from uuid import UUID

from sqlalchemy import select

from storage.records import AnalysisRecord
from storage.rows import to_analysis
from storage.schema import analyses
from storage.transaction import Transaction
from storage.vectors import get_vectors, put_vectors

EMBEDDING_MODEL = "all-MiniLM-L6-v2"
"""The name under which message embeddings are kept unless another is given."""


async def save_analysis(
    tx: Transaction,
    analysis: AnalysisRecord,
    *,
    embedding: bytes | None = None,
    embedding_model: str = EMBEDDING_MODEL,
) -> None:
    """Store the reading of a message, in place of an earlier one; `embedding` is float32, little endian.

    Raises NotFound for an unknown message.
    """
    await tx.upsert(analyses, [asdict(analysis)])
    if embedding is not None:
        await put_vectors(tx, "message", embedding_model, {analysis.message_id: embedding})


async def analysis_of(tx: Transaction, message_ids: Sequence[UUID]) -> dict[UUID, AnalysisRecord]:
    """The readings of those of the messages that were read."""
    if not message_ids:
        return {}
    rows = await tx.all(select(analyses).where(analyses.c.message_id.in_(message_ids)))
    return {row[analyses.c.message_id]: to_analysis(row) for row in rows}


async def embeddings_of(
    tx: Transaction, message_ids: Sequence[UUID], *, embedding_model: str = EMBEDDING_MODEL
) -> dict[UUID, bytes]:
    """The float32 embeddings of those of the messages that have one."""
    return await get_vectors(tx, "message", embedding_model, message_ids)
