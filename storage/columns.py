"""Columns and column types that behave the same on SQLite and PostgreSQL. Knows no table.

PostgreSQL refuses NUL and lone surrogates, SQLite takes some of them and enforces no length:
both are refused here, before either database sees them.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    String,
    Uuid,
    text,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

from storage.errors import Invalid, InvalidText

Counter = BigInteger().with_variant(Integer, "sqlite")
"""A primary key that counts up by itself; SQLite only does that for INTEGER."""


def check_text(text: str, limit: int | None = None) -> str:
    """Return `text` as it is; raises InvalidText on NUL, lone surrogates or more than `limit` characters."""
    if limit is not None and len(text) > limit:
        raise InvalidText(f"text is longer than {limit} characters")
    if "\0" in text:
        raise InvalidText("text contains a NUL character")
    try:
        text.encode()
    except UnicodeEncodeError:
        # the cause would carry the text itself
        raise InvalidText("text contains a lone surrogate") from None
    return text


def check_json(value: Any) -> Any:
    """Return `value` as it is after check_text of every string in it, keys included.

    Raises Invalid for NaN and infinity, which JSON does not know.
    """
    if isinstance(value, float) and not math.isfinite(value):
        raise Invalid("a number that is not finite can't be stored")
    if isinstance(value, str):
        check_text(value)
    elif isinstance(value, dict):
        for key, item in value.items():
            check_text(str(key))
            check_json(item)
    elif isinstance(value, list | tuple):
        for item in value:
            check_json(item)
    return value


class Words(TypeDecorator[str]):
    """Checked text of at most `length` characters."""

    impl = String
    cache_ok = True

    def __init__(self, length: int) -> None:
        super().__init__(length)
        self.limit = length

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Refuse what a database would choke on or cut."""
        return None if value is None else check_text(value, self.limit)


class UtcTime(TypeDecorator[datetime]):
    """An aware time, UTC on the way in and out; SQLite itself keeps no zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse naive times: whose clock would they be?"""
        if value is None:
            return None
        if value.tzinfo is None:
            raise Invalid("a time without a zone can't be stored")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give the zone back."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Json(TypeDecorator[Any]):
    """A small JSON document whose strings are checked; tuples come back as lists."""

    impl = JSON
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        """Refuse strings that a database would choke on."""
        return check_json(value)


def id_column() -> Column[Any]:
    """A random-enough key that may appear in an address."""
    return Column("id", Uuid(), primary_key=True)


def number_column() -> Column[Any]:
    """Counts up in the order of insertion; what is claimed in order is ordered by it."""
    return Column("number", Counter, primary_key=True, autoincrement=True)


def reference(name: str, target: str, *, gone: str = "CASCADE", null: bool = False) -> Column[Any]:
    """A key of `target`, whose row takes this one with it unless `gone` says otherwise."""
    return Column(name, Uuid(), ForeignKey(f"{target}.id", ondelete=gone), nullable=null)


def words(name: str, length: int, *, null: bool = False) -> Column[Any]:
    """Checked text, see Words."""
    return Column(name, Words(length), nullable=null)


def moment(name: str, *, null: bool = False) -> Column[Any]:
    """An aware UTC time."""
    return Column(name, UtcTime(), nullable=null)


def one_of(column: str, *values: str) -> CheckConstraint:
    """The column holds one of these words (or NULL, where it may)."""
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=column)


def index_where(name: str, where: str, *columns: str, unique: bool = False) -> Index:
    """An index over the rows that meet `where`, on both databases."""
    condition = text(where)
    return Index(name, *columns, unique=unique, sqlite_where=condition, postgresql_where=condition)
