"""What admins do: accounts, the policy of automatic replies, the audit log.

Every change is written to the audit log in the transaction that makes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal
from uuid import UUID

from aiohttp import web
from pydantic import Field

from bot.api import automatic, errors, shapes_house
from bot.api.callers import ADMINS, READERS
from bot.api.routing import Body, Call, NoBody, NoQuery, Query, Routes, SafeStr, answer
from bot.api.services import services
from bot.api.signin import account_view, end_sockets, note
from bot.casefile import MODE_KEY, TOLERATED_KEY
from bot.passwords import new_password
from storage import accounts, audit, settings_store
from storage.database import Transaction
from storage.records import Account, AuditEntry

routes = Routes()


class NewAccount(Body):
    """A new colleague."""

    email: Annotated[str, Field(max_length=254, pattern=r"^[^\s@\x00]+@[^\s@\x00]+$")]
    name: Annotated[SafeStr, Field(min_length=1, max_length=100)]
    role: Literal["agent", "admin", "viewer"] = "agent"


class NewPolicy(Body):
    """How far Deskhand goes by itself."""

    mode: Literal["off", "draft", "automatic"]


class AuditQuery(Query):
    """Which entries: the newest before a number."""

    before: Annotated[int, Field(ge=1, le=2**53)] | None = None
    limit: Annotated[int, Field(ge=1, le=200)] = 50


@routes.route("GET", "/api/team", access=READERS, summary="Colleagues", responses={200: shapes_house.Team})
async def list_team(call: Call[NoBody, NoQuery]) -> web.StreamResponse:
    """Who a conversation can be assigned to."""
    async with services(call.request).db.read() as tx:
        found = await accounts.list_accounts(tx)
    people = [account for account in found if not account.disabled and account.role != "viewer"]
    return answer({"items": [{"id": str(who.id), "name": who.name, "role": who.role} for who in people]})


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
    """Answers with a first password, shown this once; 409 where the address is taken."""
    desk, new, password = services(call.request), call.body, new_password()
    hashed = await desk.passwords.hash(password)

    async def work(tx: Transaction) -> Account:
        made = await accounts.create_account(
            tx, email=new.email.lower(), name=new.name, role=new.role, password_hash=hashed
        )
        await note(tx, call.account, "account_added", f"account:{made.id}", role=new.role)
        return made

    return answer({"account": account_view(await desk.db.write(work)), "password": password}, status=201)


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
    desk, account_id = services(call.request), call.id()
    if account_id == call.account.id:
        raise errors.Conflict("You can't disable your own account.")

    async def work(tx: Transaction) -> Account:
        await note(tx, call.account, "account_disabled", f"account:{account_id}")
        return await accounts.disable(tx, account_id)

    disabled = await desk.db.write(work)
    end_sockets(desk, account_id)
    return answer({"account": account_view(disabled)})


@routes.route(
    "POST",
    "/api/admin/accounts/{id}/password",
    access=ADMINS,
    summary="Give an account a new password",
    responses={200: shapes_house.NewAccount},
)
async def reset_password(call: Call[NoBody, NoQuery]) -> web.StreamResponse:
    """Ends its sign-ins; the new password is shown this once."""
    desk, account_id, password = services(call.request), call.id(), new_password()
    hashed = await desk.passwords.hash(password)

    async def work(tx: Transaction) -> Account:
        await note(tx, call.account, "password_reset", f"account:{account_id}")
        return await accounts.set_password_hash(tx, account_id, hashed)

    changed = await desk.db.write(work)
    end_sockets(desk, account_id)
    return answer({"account": account_view(changed), "password": password})


@routes.route(
    "GET",
    "/api/admin/policy",
    access=ADMINS,
    summary="The policy in force",
    responses={200: shapes_house.Policy},
)
async def read_policy(call: Call[NoBody, NoQuery]) -> web.StreamResponse:
    """The admin's choice, or the setting's default."""
    desk = services(call.request)
    async with desk.db.read() as tx:
        chosen = await settings_store.get_setting(tx, MODE_KEY)
    return answer({"mode": chosen or desk.settings.policy_mode})


@routes.route(
    "PUT",
    "/api/admin/policy",
    access=ADMINS,
    summary="Set the policy",
    body=NewPolicy,
    responses={200: shapes_house.Policy},
    problems=(409,),
)
async def set_policy(call: Call[NewPolicy, NoQuery]) -> web.StreamResponse:
    """In force from the next message on; 409 says what automatic replies still lack."""
    desk = services(call.request)
    async with desk.db.read() as tx:
        tolerated = await settings_store.get_setting(tx, TOLERATED_KEY)
    await automatic.choose(desk, call.account, call.body.mode, tolerated)
    return answer({"mode": call.body.mode})


@routes.route(
    "GET",
    "/api/admin/audit",
    access=ADMINS,
    summary="The audit log",
    query=AuditQuery,
    responses={200: shapes_house.Items},
)
async def read_audit(call: Call[NoBody, AuditQuery]) -> web.StreamResponse:
    """Who did what, newest first; it can't be changed."""
    async with services(call.request).db.read() as tx:
        found = await audit.entries(tx, before=call.query.before, limit=call.query.limit)
    return answer({"items": [_entry_view(entry) for entry in found]})


def _entry_view(entry: AuditEntry) -> Mapping[str, Any]:
    return {
        "number": entry.number,
        "at": entry.at.isoformat(),
        "actor_id": _text(entry.actor_id),
        "actor": entry.actor,
        "action": entry.action,
        "subject": entry.subject,
        "details": dict(entry.details),
    }


def _text(value: UUID | None) -> str | None:
    return None if value is None else str(value)
