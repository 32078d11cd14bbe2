"""Signing in and out of the console, and changing the own password.

A sign-in is a random token in a cookie and its hash in a row, so that it can be ended from here.
"""

from __future__ import annotations

import hashlib
from typing import Annotated, Any
from uuid import UUID

from aiohttp import WSCloseCode, web
from pydantic import Field

from bot.api import errors, shapes, shapes_house
from bot.api.callers import READERS, client_address, cookie_name, new_token, token_hash
from bot.api.routing import Body, Call, NoBody, NoQuery, Routes, SafeStr, answer
from bot.api.services import Services, services
from bot.passwords import LONGEST, SHORTEST
from storage import accounts, audit
from storage.database import Transaction
from storage.records import Account

routes = Routes()

_WRONG = "The e-mail address or the password is wrong."


class Credentials(Body):
    """Who wants in."""

    email: Annotated[SafeStr, Field(min_length=3, max_length=254)]
    password: Annotated[SafeStr, Field(min_length=1, max_length=LONGEST)]


class NewPassword(Body):
    """The password now and the one from now on."""

    current: Annotated[SafeStr, Field(min_length=1, max_length=LONGEST)]
    new: Annotated[SafeStr, Field(min_length=SHORTEST, max_length=LONGEST)]


def account_view(account: Account) -> dict[str, Any]:
    """An account as its colleagues see it."""
    return {
        "id": str(account.id),
        "email": account.email,
        "name": account.name,
        "role": account.role,
        "disabled": account.disabled,
        "created_at": account.created_at.isoformat(),
        "last_signed_in_at": account.last_signed_in_at and account.last_signed_in_at.isoformat(),
        "must_change": account.must_change,
    }


async def note(tx: Transaction, actor: Account, action: str, subject: str, **details: str) -> None:
    """Write to the audit log who did what, in the transaction that does it."""
    await audit.append(
        tx, actor_id=actor.id, actor=actor.email, action=action, subject=subject, details=details
    )


def end_sockets(desk: Services, account_id: UUID) -> None:
    """End the open consoles of an account whose sign-ins were ended."""
    for socket in tuple(desk.sockets):
        if socket.owner == str(account_id):
            socket.end(WSCloseCode.POLICY_VIOLATION, "signed out")


@routes.route(
    "POST",
    "/api/session",
    access="own page",
    summary="Sign in",
    body=Credentials,
    responses={200: shapes_house.SignedIn},
    problems=(401, 429),
)
async def sign_in(call: Call[Credentials, NoQuery]) -> web.StreamResponse:
    """A new token at every sign-in; 401 alike for a wrong password, a disabled and an unknown account."""
    desk = services(call.request)
    email = call.body.email.strip().lower()
    await _count_try(desk, email, client_address(call.request, desk))
    async with desk.db.read() as tx:
        found = await accounts.by_email(tx, email)
        stored = await accounts.password_hash(tx, found.id) if found and not found.disabled else None
    if not await desk.passwords.verify(stored, call.body.password) or found is None:
        raise errors.Unauthenticated(_WRONG)
    token, account = new_token(), found
    # Bytes of a header that aren't UTF-8 come as lone surrogates, which no database takes.
    agent = "".join(filter(str.isprintable, call.request.headers.get("User-Agent", "")))[:200]

    async def work(tx: Transaction) -> None:
        await _start(tx, desk, account, token, agent)

    await desk.db.write(work)
    response = answer({"account": account_view(account)})
    _set_cookie(response, desk, token)
    return response


async def _start(tx: Transaction, desk: Services, account: Account, token: str, agent: str) -> None:
    settings = desk.settings
    await accounts.create_session(
        tx,
        account_id=account.id,
        token_hash=token_hash(token),
        user_agent=agent,
        lifetime_seconds=settings.session_days * 86_400.0,
    )
    await note(tx, account, "signed_in", f"account:{account.id}")


async def _count_try(desk: Services, email: str, address: str) -> None:
    """Count before the password is looked at, in one transaction: parallel tries don't slip through."""
    if wait := desk.limits.sign_ins.take(address):
        raise errors.TooMany(headers={"Retry-After": str(int(wait) + 1)})
    settings = desk.settings
    # The row holds no address of a person, only what they hash to.
    key = hashlib.sha256(f"{email} {address}".encode()).hexdigest()
    window = settings.sign_in_minutes * 60.0

    async def work(tx: Transaction) -> bool:
        if await accounts.failed_attempts(tx, key, window_seconds=window) >= settings.sign_in_tries:
            return False
        await accounts.record_attempt(tx, key, succeeded=False)
        return True

    if not await desk.db.write(work):
        wait_seconds = str(settings.sign_in_minutes * 60)
        raise errors.TooMany("Too many tries, wait a while.", headers={"Retry-After": wait_seconds})


def _set_cookie(response: web.Response, desk: Services, token: str) -> None:
    response.set_cookie(
        cookie_name(desk),
        token,
        path="/",
        secure=desk.settings.secure,
        httponly=True,
        samesite="Lax",
        max_age=desk.settings.session_days * 86_400,
    )


@routes.route(
    "GET", "/api/session", access=READERS, summary="Who is signed in", responses={200: shapes_house.SignedIn}
)
async def read_session(call: Call[NoBody, NoQuery]) -> web.StreamResponse:
    """401 when nobody is."""
    return answer({"account": account_view(call.account)})


@routes.route("DELETE", "/api/session", access=READERS, summary="Sign out", responses={200: shapes.Empty})
async def sign_out(call: Call[NoBody, NoQuery]) -> web.StreamResponse:
    """The token is worthless from now on."""
    desk, session = services(call.request), call.session
    await desk.db.write(lambda tx: accounts.end_session(tx, session.id))
    end_sockets(desk, call.account.id)
    response = answer({})
    response.del_cookie(
        cookie_name(desk), path="/", secure=desk.settings.secure, httponly=True, samesite="Lax"
    )
    return response


@routes.route(
    "POST",
    "/api/session/password",
    access=READERS,
    summary="Change the own password",
    body=NewPassword,
    responses={200: shapes.Empty},
    problems=(429,),
)
async def change_password(call: Call[NewPassword, NoQuery]) -> web.StreamResponse:
    """Ends every sign-in of the account; this browser gets a new one."""
    desk, account = services(call.request), call.account
    await _count_try(desk, account.email, client_address(call.request, desk))
    async with desk.db.read() as tx:
        stored = await accounts.password_hash(tx, account.id)
    if not await desk.passwords.verify(stored, call.body.current):
        wrong = {"pointer": "/current", "detail": "The current password is wrong."}
        raise errors.Invalid("The current password is wrong.", errors=(wrong,))
    if account.must_change and call.body.new == call.body.current:
        same = {"pointer": "/new", "detail": "This is the password that you were given. Choose another one."}
        raise errors.Invalid("Choose another password than the one you were given.", errors=(same,))
    hashed, token = await desk.passwords.hash(call.body.new), new_token()
    agent = call.session.user_agent

    async def work(tx: Transaction) -> None:
        await accounts.set_password_hash(tx, account.id, hashed)
        await note(tx, account, "password_changed", f"account:{account.id}")
        await _start(tx, desk, account, token, agent)

    await desk.db.write(work)
    end_sockets(desk, account.id)
    response = answer({})
    _set_cookie(response, desk, token)
    return response
