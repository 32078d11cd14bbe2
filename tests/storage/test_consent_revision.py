"""Revision 0007 on a database that has customers already."""

from __future__ import annotations

from typing import Any

from sqlalchemy import text

from storage import conversations
from storage.database import Database


async def test_customers_of_before_may_be_learned_from(url: str, new_customer: Any) -> None:
    db = await Database.open(url, migrate=False)
    customer = await new_customer(db)

    async def back(tx: Any) -> None:
        await tx.execute(text("ALTER TABLE customers DROP COLUMN learn_from"))
        await tx.execute(text("UPDATE alembic_version SET version_num = '0006'"))

    await db.write(back)
    await db.close()
    migrated = await Database.open(url)
    async with migrated.read() as tx:
        assert (await conversations.customer(tx, customer.id)).learn_from is True
    await migrated.close()
