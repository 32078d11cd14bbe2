"""Accounts for admins: who works here, what they may do, and whether they are let in.

Every change is written to the audit log in the transaction that makes it, and ends the sign-ins and open
consoles that it is about. Knows no password but those that it has just made up.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Literal

from aiohttp import web
from pydantic import Field

from bot.api import errors, shapes_house
from bot.api.callers import ADMINS
from bot.api.routing import Body, Call, NoBody, NoQuery, Routes, SafeStr, answer
from bot.api.services import services
from bot.api.signin import account_view, end_sockets, note
from bot.passwords import new_password
from storage import accounts
from storage.database import Transaction
from storage.errors import Conflict, LastAdmin
from storage.records import Account

routes = Routes()

Change = Callable[[Transaction], Awaitable[Account]]

_LAST = "This is the last admin who can sign in. Make somebody else an admin first."


class NewAccount(Body):
    """A new colleague."""

    email: Annotated[str, Field(max_length=254, pattern=r"^[^\s@\x00]+@[^\s@\x00]+$")]
    name: Annotated[SafeStr, Field(min_length=1, max_length=100, pattern=r"^[^\x00]*\S[^\x00]*$")]
    role: Literal["agent", "admin", "viewer"] = "agent"


class NewRole(Body):
    """What an account may do from now on."""

    role: Literal["agent", "admin", "viewer"]


@routes.route(
    "GET",
    "/api/admin/accounts",
    access=ADMINS,
    summary="All accounts",
    responses={200: shapes_house.Accounts},
)
async def list_accounts(call: Call[NoBody, NoQuery]) -> web.StreamResponse:
    """Disabled ones too."""
    async with services(call.request).db.read() as tx:
        found = await accounts.list_accounts(tx)
    return answer({"items": [account_view(account) for account in found]})


@routes.route(
    "POST",
    "/api/admin/accounts",
    access=ADMINS,
    summary="Add an account",
    body=NewAccount,
    responses={201: shapes_house.NewAccount},
    problems=(409,),
)
async def add_account(call: Call[NewAccount, NoQuery]) -> web.StreamResponse:
    """Answers with a first password, shown this once, to be changed at the first sign-in."""
    desk, new, password = services(call.request), call.body, new_password()
    hashed = await desk.passwords.hash(password)

    async def work(tx: Transaction) -> Account:
        made = await accounts.create_account(
            tx,
            email=new.email.lower(),
            name=new.name.strip(),
            role=new.role,
            password_hash=hashed,
            must_change=True,
        )
        await note(tx, call.account, "account_added", f"account:{made.id}", role=new.role)
        return made

    try:
        made = await desk.db.write(work)
    except Conflict:
        raise errors.Conflict(
            "There is an account with this address already. If it is disabled, enable it instead."
        ) from None
    return answer({"account": account_view(made), "password": password}, status=201)


@routes.route(
    "POST",
    "/api/admin/accounts/{id}/role",
    access=ADMINS,
    summary="Change what an account may do",
    body=NewRole,
    responses={200: shapes_house.SignedIn},
    problems=(409,),
)
async def set_role(call: Call[NewRole, NoQuery]) -> web.StreamResponse:
    """Ends its sign-ins and its open consoles, which were made for the old role; 409 for the last admin."""
    account_id, role = call.id(), call.body.role

    async def work(tx: Transaction) -> Account:
        before = await accounts.account(tx, account_id)
        if before.role == role:
            return before
        detail = {"before": before.role, "role": role}
        await note(tx, call.account, "account_role_changed", f"account:{account_id}", **detail)
        return await accounts.set_role(tx, account_id, role)

    return await _changed(call, work, ends=True)


@routes.route(
    "POST",
    "/api/admin/accounts/{id}/disable",
    access=ADMINS,
    summary="Disable an account",
    responses={200: shapes_house.SignedIn},
    problems=(409,),
)
async def disable_account(call: Call[NoBody, NoQuery]) -> web.StreamResponse:
    """Ends its sign-ins and its open consoles at once; nobody can disable themselves."""
    account_id = call.id()
    if account_id == call.account.id:
        raise errors.Conflict("You can't disable your own account. Ask another admin to do it.")

    async def work(tx: Transaction) -> Account:
        before = await accounts.account(tx, account_id)
        if before.disabled:
            return before
        await note(tx, call.account, "account_disabled", f"account:{account_id}")
        return await accounts.disable(tx, account_id)

    return await _changed(call, work, ends=True)


@routes.route(
    "POST",
    "/api/admin/accounts/{id}/enable",
    access=ADMINS,
    summary="Let a disabled account in again",
    responses={200: shapes_house.SignedIn},
)
async def enable_account(call: Call[NoBody, NoQuery]) -> web.StreamResponse:
    """With the password that it had."""
    account_id = call.id()

    async def work(tx: Transaction) -> Account:
        before = await accounts.account(tx, account_id)
        if not before.disabled:
            return before
        await note(tx, call.account, "account_enabled", f"account:{account_id}")
        return await accounts.enable(tx, account_id)

    return await _changed(call, work, ends=False)


async def _changed(call: Call[Any, NoQuery], work: Change, *, ends: bool) -> web.StreamResponse:
    """Make the change; where it `ends` sign-ins, the open consoles behind them too."""
    desk = services(call.request)
    try:
        changed = await desk.db.write(work)
    except LastAdmin:
        raise errors.Conflict(_LAST) from None
    if ends:
        end_sockets(desk, changed.id)
    return answer({"account": account_view(changed)})


@routes.route(
    "POST",
    "/api/admin/accounts/{id}/password",
    access=ADMINS,
    summary="Give an account a new password",
    responses={200: shapes_house.NewAccount},
    problems=(409,),
)
async def reset_password(call: Call[NoBody, NoQuery]) -> web.StreamResponse:
    """Ends its sign-ins; the new password is shown this once, to be changed at the next sign-in."""
    desk, account_id, password = services(call.request), call.id(), new_password()
    hashed = await desk.passwords.hash(password)

    async def work(tx: Transaction) -> Account:
        await note(tx, call.account, "password_reset", f"account:{account_id}")
        return await accounts.set_password_hash(tx, account_id, hashed, must_change=True)

    changed = await desk.db.write(work)
    end_sockets(desk, account_id)
    return answer({"account": account_view(changed), "password": password})
