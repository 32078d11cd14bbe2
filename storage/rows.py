"""Rows into records. Knows the column names of both, and runs no query."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, TypeVar

from sqlalchemy import FromClause
from sqlalchemy.engine import RowMapping

from storage import schema
from storage.records import (
    AnalysisRecord,
    CandidateRecord,
    Conversation,
    EntityRecord,
    OutboxItem,
    Suggestion,
)

T = TypeVar("T")


def _names(record: type[Any]) -> tuple[str, ...]:
    return tuple(entry.name for entry in fields(record))


def build(record: type[T], row: RowMapping, table: FromClause, **given: Any) -> T:
    """A record from the columns of `table` (or an alias of it) that bear the names of its fields."""
    values = {name: row[table.c[name]] for name in _names(record) if name not in given and name in table.c}
    return record(**values, **given)


def to_conversation(row: RowMapping) -> Conversation:
    """A Conversation; '' in the thread column means none."""
    table = schema.conversations
    return build(Conversation, row, table, tags=tuple(row[table.c.tags]), thread=row[table.c.thread] or None)


def to_analysis(row: RowMapping) -> AnalysisRecord:
    """An AnalysisRecord with its entities."""
    entities = tuple(EntityRecord(**entity) for entity in row[schema.analyses.c.entities])
    return build(AnalysisRecord, row, schema.analyses, entities=entities)


def to_candidate(row: RowMapping) -> CandidateRecord:
    """A CandidateRecord, lists as tuples."""
    table = schema.candidates
    lists = {name: tuple(row[table.c[name]]) for name in ("evidence", "unfilled")}
    return build(CandidateRecord, row, table, **lists)


def to_suggestion(row: RowMapping, candidates: tuple[CandidateRecord, ...]) -> Suggestion:
    """A Suggestion with the candidates that were read beside it."""
    return build(Suggestion, row, schema.suggestions, candidates=candidates)


def to_outbox_item(row: Mapping[Any, Any], text: str) -> OutboxItem:
    """An OutboxItem with its message's text."""
    names = [name for name in _names(OutboxItem) if name != "text"]
    return OutboxItem(text=text, **{name: row[name] for name in names})
