from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest

from storage import accounts
from storage.database import Database
from storage.errors import Conflict, LastAdmin, NotFound

HOUR = 3600.0


async def sign_in(db: Database, account_id: Any, token: bytes, lifetime: float = HOUR) -> Any:
    return await db.write(
        lambda tx: accounts.create_session(
            tx, account_id=account_id, token_hash=token, user_agent="x" * 900, lifetime_seconds=lifetime
        )
    )


async def found(db: Database, token: bytes, idle: float = HOUR) -> Any:
    async with db.read() as tx:
        return await accounts.find_session(tx, token, idle_seconds=idle)


async def test_an_account_is_found_by_its_address_in_any_case(db: Database, account: Any) -> None:
    assert account.email == "grace@example.com"
    async with db.read() as tx:
        assert await accounts.by_email(tx, " GRACE@example.COM") == account
        assert await accounts.by_email(tx, "nobody@example.com") is None
        assert await accounts.account(tx, account.id) == account
        assert await accounts.password_hash(tx, account.id) == "$argon2id$1"
        assert await accounts.list_accounts(tx) == [account]
    with pytest.raises(Conflict):
        await db.write(
            lambda tx: accounts.create_account(
                tx, email="grace@EXAMPLE.com", name="Other", role="admin", password_hash="h"
            )
        )


async def test_a_session_is_found_by_its_token_until_it_ends(db: Database, account: Any) -> None:
    session = await sign_in(db, account.id, b"a" * 32)
    assert await found(db, b"a" * 32) == (session, replace(account, last_signed_in_at=session.created_at))
    assert len(session.user_agent) == 500
    assert await found(db, b"b" * 32) is None
    assert await db.write(lambda tx: accounts.end_session(tx, session.id))
    assert not await db.write(lambda tx: accounts.end_session(tx, session.id))
    assert not await db.write(lambda tx: accounts.touch_session(tx, session.id))
    assert await found(db, b"a" * 32) is None


async def test_a_session_ends_when_idle_and_at_its_absolute_end(db: Database, account: Any) -> None:
    session = await sign_in(db, account.id, b"a" * 32)
    assert await found(db, b"a" * 32, idle=0) is None
    assert await db.write(lambda tx: accounts.touch_session(tx, session.id))
    touched, by = await found(db, b"a" * 32)
    assert by.last_signed_in_at == session.created_at
    assert touched.last_seen_at > session.last_seen_at
    await sign_in(db, account.id, b"b" * 32, lifetime=0)
    assert await found(db, b"b" * 32) is None
    await db.write(lambda tx: accounts.prune_sign_in(tx, older_than_seconds=HOUR))
    assert await found(db, b"a" * 32) is not None


async def test_disabling_a_new_password_and_a_new_role_end_every_session(db: Database, account: Any) -> None:
    await db.write(
        lambda tx: accounts.create_account(
            tx, email="ada@example.com", name="Ada", role="admin", password_hash="h"
        )
    )
    for change in (
        lambda tx: accounts.set_password_hash(tx, account.id, "$argon2id$2"),
        lambda tx: accounts.set_role(tx, account.id, "admin"),
        lambda tx: accounts.disable(tx, account.id),
    ):
        await sign_in(db, account.id, b"a" * 32)
        await sign_in(db, account.id, b"b" * 32)
        await db.write(change)
        assert await found(db, b"a" * 32) is None
        assert await found(db, b"b" * 32) is None
    await sign_in(db, account.id, b"c" * 32)
    assert await found(db, b"c" * 32) is None
    enabled = await db.write(lambda tx: accounts.enable(tx, account.id))
    assert not enabled.disabled and enabled.role == "admin"
    assert await found(db, b"c" * 32) is not None
    async with db.read() as tx:
        assert await accounts.password_hash(tx, account.id) == "$argon2id$2"


async def test_all_sessions_but_one_can_be_ended(db: Database, account: Any) -> None:
    kept = await sign_in(db, account.id, b"a" * 32)
    await sign_in(db, account.id, b"b" * 32)
    ended = await db.write(lambda tx: accounts.end_all_sessions(tx, account.id, except_id=kept.id))
    assert ended == 1 and await found(db, b"a" * 32) is not None


async def test_nobody_unknown_has_an_account(db: Database) -> None:
    for call in (
        lambda tx: accounts.account(tx, uuid4()),
        lambda tx: accounts.password_hash(tx, uuid4()),
        lambda tx: accounts.disable(tx, uuid4()),
        lambda tx: accounts.create_session(
            tx, account_id=uuid4(), token_hash=b"a", user_agent="", lifetime_seconds=1
        ),
    ):
        with pytest.raises(NotFound):
            await db.write(call)


async def test_failed_sign_ins_are_counted_by_key_within_a_window(db: Database) -> None:
    for key, succeeded in (("a", False), ("a", False), ("a", True), ("b", False)):
        await db.write(lambda tx, k=key, s=succeeded: accounts.record_attempt(tx, k, succeeded=s))
    async with db.read() as tx:
        assert await accounts.failed_attempts(tx, "a", window_seconds=HOUR) == 2
        assert await accounts.failed_attempts(tx, "a", window_seconds=0) == 0
        assert await accounts.failed_attempts(tx, "c", window_seconds=HOUR) == 0
    await db.write(lambda tx: accounts.prune_sign_in(tx, older_than_seconds=0))
    async with db.read() as tx:
        assert await accounts.failed_attempts(tx, "a", window_seconds=HOUR) == 0


async def test_the_last_admin_can_be_neither_disabled_nor_demoted(db: Database, account: Any) -> None:
    await db.write(lambda tx: accounts.set_role(tx, account.id, "admin"))
    for change in (
        lambda tx: accounts.disable(tx, account.id),
        lambda tx: accounts.set_role(tx, account.id, "viewer"),
    ):
        with pytest.raises(LastAdmin):
            await db.write(change)
    other = await db.write(
        lambda tx: accounts.create_account(
            tx, email="ada@example.com", name="Ada", role="admin", password_hash="h"
        )
    )
    assert (await db.write(lambda tx: accounts.disable(tx, account.id))).disabled
    with pytest.raises(LastAdmin):
        await db.write(lambda tx: accounts.set_role(tx, other.id, "agent"))
