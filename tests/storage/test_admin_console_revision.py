"""Revision 0011 on a database that has accounts already."""

from __future__ import annotations

from typing import Any

from storage import accounts
from storage.database import Database
from tests.storage.downgrade import downgrade


async def test_who_is_signed_in_has_signed_in_and_keeps_the_password(url: str) -> None:
    db = await Database.open(url, migrate=False)
    made: list[Any] = []
    for name in ("ada", "bea"):
        made.append(
            await db.write(
                lambda tx, n=name: accounts.create_account(
                    tx, email=f"{n}@example.com", name=n, role="agent", password_hash="none", must_change=True
                )
            )
        )
    session = await db.write(
        lambda tx: accounts.create_session(
            tx, account_id=made[0].id, token_hash=b"a" * 32, user_agent="", lifetime_seconds=60
        )
    )
    await db.close()
    await downgrade(url, "0007")
    migrated = await Database.open(url)
    async with migrated.read() as tx:
        ada, bea = await accounts.list_accounts(tx)
    await migrated.close()
    assert (ada.last_signed_in_at, bea.last_signed_in_at) == (session.created_at, None)
    assert not ada.must_change and not bea.must_change
