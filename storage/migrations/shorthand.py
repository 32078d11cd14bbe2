"""How revisions write their columns. Frozen: earlier revisions rely on every line of it."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa


def id_column() -> sa.Column[Any]:
    """The key that may appear in an address."""
    return sa.Column("id", sa.Uuid(), primary_key=True)


def number_column() -> sa.Column[Any]:
    """A key that counts up."""
    counter = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    return sa.Column("number", counter, primary_key=True, autoincrement=True)


def reference(name: str, target: str, *, gone: str = "CASCADE", null: bool = False) -> sa.Column[Any]:
    """A key of `target`."""
    return sa.Column(name, sa.Uuid(), sa.ForeignKey(f"{target}.id", ondelete=gone), nullable=null)


def words(name: str, length: int, *, null: bool = False) -> sa.Column[Any]:
    """Text."""
    return sa.Column(name, sa.String(length), nullable=null)


def moment(name: str, *, null: bool = False) -> sa.Column[Any]:
    """A time with its zone."""
    return sa.Column(name, sa.DateTime(timezone=True), nullable=null)


def one_of(column: str, *values: str) -> sa.CheckConstraint:
    """One of these words."""
    listed = ", ".join(f"'{value}'" for value in values)
    return sa.CheckConstraint(f"{column} IN ({listed})", name=column)


def index_where(name: str, where: str, *columns: str, unique: bool = False) -> sa.Index:
    """An index over some of the rows."""
    condition = sa.text(where)
    return sa.Index(name, *columns, unique=unique, sqlite_where=condition, postgresql_where=condition)
