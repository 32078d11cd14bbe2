"""The shop's facts and the names of its products. Knows not what they are used for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sqlalchemy import delete, select

from storage.schema_admin import products as product_table
from storage.schema_admin import shop_facts
from storage.transaction import Transaction


async def facts(tx: Transaction) -> dict[str, str]:
    """All facts by name, such as {"return_days": "30 days"}."""
    rows = await tx.all(select(shop_facts).order_by(shop_facts.c.name))
    return {row["name"]: row["value"] for row in rows}


async def put_facts(tx: Transaction, values: Mapping[str, str]) -> None:
    """Make these the facts; names that are not among them go."""
    await tx.execute(delete(shop_facts).where(shop_facts.c.name.not_in(list(values))))
    await tx.upsert(shop_facts, [{"name": name, "value": value} for name, value in values.items()])


async def products(tx: Transaction) -> list[str]:
    """The catalogue's product names, sorted."""
    rows = await tx.all(select(product_table.c.name).order_by(product_table.c.name))
    return [row["name"] for row in rows]


async def put_products(tx: Transaction, names: Iterable[str]) -> None:
    """Make these the catalogue; repeats and blanks are dropped."""
    kept = sorted({name.strip() for name in names} - {""})
    await tx.execute(delete(product_table))
    await tx.insert(product_table, [{"name": name} for name in kept])
