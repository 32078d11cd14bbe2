"""The few settings that admins change while we run, such as the policy mode. Knows no meaning of them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from storage.schema_admin import settings as table
from storage.stamps import now
from storage.transaction import Transaction


async def get_setting(tx: Transaction, name: str, default: Any = None) -> Any:
    """The stored JSON value, or `default`."""
    row = await tx.first(select(table.c.value).where(table.c.name == name))
    return default if row is None else row["value"]


async def put_setting(tx: Transaction, name: str, value: Any) -> None:
    """Store a JSON value, in place of an earlier one."""
    await tx.upsert(table, [{"name": name, "value": value, "updated_at": now()}])


async def all_settings(tx: Transaction) -> dict[str, Any]:
    """Everything that was ever set, by name."""
    return {row["name"]: row["value"] for row in await tx.all(select(table).order_by(table.c.name))}
