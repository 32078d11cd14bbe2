"""Accounts of those who work here. Knows no password: hashes come in ready-made.

Sign-in sessions and attempts live in sign_in.py and are passed on here.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import select, update

from storage.errors import Conflict, LastAdmin, NotFound
from storage.records import Account, AccountRole
from storage.rows import build
from storage.schema import accounts as table
from storage.sign_in import (
    create_session,
    end_all_sessions,
    end_session,
    failed_attempts,
    find_session,
    prune_sign_in,
    record_attempt,
    touch_session,
)
from storage.stamps import new_id, now
from storage.transaction import Transaction

__all__ = [
    "account",
    "by_email",
    "create_account",
    "create_session",
    "disable",
    "enable",
    "end_all_sessions",
    "end_session",
    "failed_attempts",
    "find_session",
    "list_accounts",
    "password_hash",
    "prune_sign_in",
    "record_attempt",
    "set_password_hash",
    "set_role",
    "touch_session",
]


async def create_account(
    tx: Transaction,
    *,
    email: str,
    name: str,
    role: AccountRole,
    password_hash: str,
    must_change: bool = False,
) -> Account:
    """Make an account; raises Conflict when the address (whatever its case) is taken.

    `must_change`: the password was given to them, and the first thing to do is to choose another.
    """
    row: dict[str, Any] = {
        "id": new_id(),
        "email": _normal(email),
        "name": name,
        "role": role,
        "disabled": False,
        "password_hash": password_hash,
        "created_at": now(),
        "must_change": must_change,
    }
    if not await tx.insert_new(table, row):
        raise Conflict("there is an account with this address already")
    del row["password_hash"]
    return Account(**row)


def _normal(email: str) -> str:
    return email.strip().casefold()


async def account(tx: Transaction, account_id: UUID) -> Account:
    """The account; raises NotFound."""
    row = await tx.first(select(table).where(table.c.id == account_id))
    if row is None:
        raise NotFound("no such account")
    return build(Account, row, table)


async def by_email(tx: Transaction, email: str) -> Account | None:
    """The account with this address, disabled or not."""
    row = await tx.first(select(table).where(table.c.email == _normal(email)))
    return None if row is None else build(Account, row, table)


async def password_hash(tx: Transaction, account_id: UUID) -> str:
    """The stored argon2 hash; raises NotFound."""
    stored = await tx.scalar(select(table.c.password_hash).where(table.c.id == account_id))
    if stored is None:
        raise NotFound("no such account")
    return str(stored)


async def list_accounts(tx: Transaction) -> list[Account]:
    """All accounts by address."""
    rows = await tx.all(select(table).order_by(table.c.email))
    return [build(Account, row, table) for row in rows]


async def disable(tx: Transaction, account_id: UUID) -> Account:
    """Lock an account out and end its sessions; what it wrote stays.

    Raises LastAdmin where nobody could let anybody in again, and NotFound, as all below.
    """
    await _leave_an_admin(tx, account_id)
    await end_all_sessions(tx, account_id)
    return await _change(tx, account_id, disabled=True)


async def enable(tx: Transaction, account_id: UUID) -> Account:
    """Let an account in again."""
    return await _change(tx, account_id, disabled=False)


async def set_role(tx: Transaction, account_id: UUID, role: AccountRole) -> Account:
    """Change what an account may do; its sessions end, since pages were drawn for the old role.

    Raises LastAdmin where no admin would be left.
    """
    if role != "admin":
        await _leave_an_admin(tx, account_id)
    await end_all_sessions(tx, account_id)
    return await _change(tx, account_id, role=role)


async def _leave_an_admin(tx: Transaction, account_id: UUID) -> None:
    """Raises LastAdmin where this is the only one. The rows are held, so that of two admins who disable
    each other at the same moment one is refused."""
    admins = select(table.c.id).where(table.c.role == "admin", table.c.disabled.is_(False))
    rows = await tx.all(admins.order_by(table.c.id).with_for_update())
    if [row["id"] for row in rows] == [account_id]:
        raise LastAdmin("this is the last admin")


async def set_password_hash(
    tx: Transaction, account_id: UUID, password_hash: str, *, must_change: bool = False
) -> Account:
    """Change the password; every session of the account ends."""
    await end_all_sessions(tx, account_id)
    return await _change(tx, account_id, password_hash=password_hash, must_change=must_change)


async def _change(tx: Transaction, account_id: UUID, **values: Any) -> Account:
    changed = update(table).where(table.c.id == account_id).values(**values)
    row = await tx.first(changed.returning(*table.c))
    if row is None:
        raise NotFound("no such account")
    return build(Account, row, table)
