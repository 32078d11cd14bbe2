"""Revision 0007 on a database that has customers already."""

from __future__ import annotations

from typing import Any

from storage import conversations
from storage.database import Database
from tests.storage.downgrade import downgrade


async def test_customers_of_before_may_be_learned_from(url: str, new_customer: Any) -> None:
    db = await Database.open(url, migrate=False)
    customer = await new_customer(db)

    await db.close()
    await downgrade(url, "0006")
    migrated = await Database.open(url)
    async with migrated.read() as tx:
        assert (await conversations.customer(tx, customer.id)).learn_from is True
    await migrated.close()
