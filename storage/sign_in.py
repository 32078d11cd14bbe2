"""Sessions and sign-in attempts. Knows no password, no token and no cookie: only hashes come in."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from sqlalchemy import delete, func, select, update

from storage.records import Account, SignInSession
from storage.rows import build
from storage.schema import accounts, sign_in_attempts
from storage.schema import sign_in_sessions as table
from storage.stamps import new_id, now
from storage.transaction import Transaction


async def create_session(
    tx: Transaction, *, account_id: UUID, token_hash: bytes, user_agent: str, lifetime_seconds: float
) -> SignInSession:
    """Start a session that ends `lifetime_seconds` from now at the latest.

    `token_hash` is a SHA-256; a long `user_agent` is cut. Raises NotFound for an unknown account.
    """
    time = now()
    ends = time + timedelta(seconds=lifetime_seconds)
    session = SignInSession(new_id(), account_id, time, time, ends, user_agent[:500])
    row = {
        "id": session.id,
        "account_id": account_id,
        "token_hash": token_hash,
        "user_agent": session.user_agent,
        "created_at": time,
        "last_seen_at": time,
        "expires_at": ends,
    }
    await tx.insert(table, [row])
    await tx.execute(update(accounts).where(accounts.c.id == account_id).values(last_signed_in_at=time))
    return session


async def find_session(
    tx: Transaction, token_hash: bytes, *, idle_seconds: float
) -> tuple[SignInSession, Account] | None:
    """The live session of a token and whose it is.

    None when it is unknown, past its end, idle for longer than `idle_seconds`, or the account disabled.
    """
    time = now()
    row = await tx.first(
        select(table, accounts)
        .join(accounts, accounts.c.id == table.c.account_id)
        .where(
            table.c.token_hash == token_hash,
            table.c.expires_at > time,
            table.c.last_seen_at > time - timedelta(seconds=idle_seconds),
            accounts.c.disabled.is_(False),
        )
    )
    if row is None:
        return None
    return build(SignInSession, row, table), build(Account, row, accounts)


async def touch_session(tx: Transaction, session_id: UUID) -> bool:
    """The session was used just now; False when it has ended."""
    return await tx.changed(update(table).where(table.c.id == session_id).values(last_seen_at=now())) > 0


async def end_session(tx: Transaction, session_id: UUID) -> bool:
    """End a session; False when it had ended already."""
    return await tx.changed(delete(table).where(table.c.id == session_id)) > 0


async def end_all_sessions(tx: Transaction, account_id: UUID, *, except_id: UUID | None = None) -> int:
    """End an account's sessions, but for `except_id`; how many those were."""
    theirs = delete(table).where(table.c.account_id == account_id)
    return await tx.changed(theirs if except_id is None else theirs.where(table.c.id != except_id))


async def record_attempt(tx: Transaction, key: str, *, succeeded: bool) -> None:
    """Note a sign-in attempt under `key`: an address, a network, whatever is to be limited."""
    await tx.insert(sign_in_attempts, [{"key": key, "succeeded": succeeded, "at": now()}])


async def failed_attempts(tx: Transaction, key: str, *, window_seconds: float) -> int:
    """How many attempts under `key` failed within the last `window_seconds`."""
    recent = select(func.count()).where(
        sign_in_attempts.c.key == key,
        sign_in_attempts.c.at > now() - timedelta(seconds=window_seconds),
        sign_in_attempts.c.succeeded.is_(False),
    )
    return int(await tx.scalar(recent))


async def prune_sign_in(tx: Transaction, *, older_than_seconds: float) -> None:
    """Forget attempts of that age, and sessions that are past their end."""
    old = now() - timedelta(seconds=older_than_seconds)
    await tx.execute(delete(sign_in_attempts).where(sign_in_attempts.c.at < old))
    await tx.execute(delete(table).where(table.c.expires_at < now()))
