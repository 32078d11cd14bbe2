"""Who calls: visitor tokens, sign-in cookies, the origin of a page and the address of a peer.

Knows how a caller is recognised and nothing of what the routes do.
"""

from __future__ import annotations

import hashlib
import ipaddress
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from aiohttp import web

from bot.api import errors
from bot.api.services import Services, services
from storage import accounts, conversations
from storage.records import Account, AccountRole, Customer, SignInSession

Access = Literal["public", "own page", "customer"] | tuple[AccountRole, ...]
"""Anybody; anybody on a page of ours; the holder of a visitor token; signed in with one of the roles."""

READERS: tuple[AccountRole, ...] = ("agent", "admin", "viewer")
WRITERS: tuple[AccountRole, ...] = ("agent", "admin")
ADMINS: tuple[AccountRole, ...] = ("admin",)

_TOUCH_AFTER = timedelta(minutes=1)
_SAFE = ("GET", "HEAD", "OPTIONS")
_OWN_SIGN_IN = "/api/session"
"""What works while a password is still the one that somebody else chose: changing it, and signing out."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who was recognised; nobody where all are None."""

    customer: Customer | None = None
    account: Account | None = None
    session: SignInSession | None = None


def new_token() -> str:
    """256 random bits as 43 characters; only its hash is stored."""
    return secrets.token_urlsafe(32)


def token_hash(token: str) -> bytes:
    """What is stored of a token, 32 bytes."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


async def admit(request: web.Request, access: Access, *, socket: bool) -> Caller:
    """Recognise the caller and check that they may call; raises Problem."""
    desk = services(request)
    if access == "public":
        if socket:
            check_socket_origin(request, desk, required=False)
        return Caller()
    if access == "own page":
        check_own_page(request, desk)
        return Caller()
    if access == "customer":
        return Caller(customer=await _customer(request, desk))
    if socket:
        check_socket_origin(request, desk, required=True)
    elif request.method not in _SAFE:
        check_own_page(request, desk)
    account, session = await signed_in(request, desk)
    if account.role not in access:
        raise errors.Forbidden("Your role does not allow this.")
    if account.must_change and not request.path.startswith(_OWN_SIGN_IN):
        raise errors.PasswordGiven()
    return Caller(account=account, session=session)


async def customer_by_token(desk: Services, token: str) -> Customer:
    """The visitor who holds the token; raises Unauthenticated."""
    if 20 <= len(token) <= 200:
        async with desk.db.read() as tx:
            if found := await conversations.customer_by_token(tx, token_hash(token)):
                return found
    raise errors.Unauthenticated("The visitor token is not valid.")


async def _customer(request: web.Request, desk: Services) -> Customer:
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() != "bearer":
        raise errors.Unauthenticated("Send the visitor token.", headers={"WWW-Authenticate": "Bearer"})
    customer = await customer_by_token(desk, token.strip())
    if wait := desk.limits.customer_calls.take(str(customer.id)):
        raise errors.TooMany(headers={"Retry-After": str(int(wait) + 1)})
    return customer


def cookie_name(desk: Services) -> str:
    """`__Host-` pins the cookie to this host and to https; browsers refuse it over plain http."""
    return "__Host-deskhand" if desk.settings.secure else "deskhand"


async def signed_in(request: web.Request, desk: Services) -> tuple[Account, SignInSession]:
    """The account behind the cookie and its sign-in; raises Unauthenticated."""
    token = request.cookies.get(cookie_name(desk), "")
    found = await session_of(desk, token) if 20 <= len(token) <= 200 else None
    if found is None:
        raise errors.Unauthenticated()
    session, account = found
    if datetime.now(UTC) - session.last_seen_at > _TOUCH_AFTER:
        await desk.db.write(lambda tx: accounts.touch_session(tx, session.id))
    return account, session


async def session_of(desk: Services, token: str) -> tuple[SignInSession, Account] | None:
    """The live sign-in of a token: neither idle for too long, nor ended, nor of a disabled account."""
    async with desk.db.read() as tx:
        idle_seconds = desk.settings.session_idle_hours * 3600.0
        return await accounts.find_session(tx, token_hash(token), idle_seconds=idle_seconds)


def own_origin(request: web.Request, desk: Services) -> str:
    """The origin that browsers see us under."""
    return desk.settings.public_url.rstrip("/") or f"{request.scheme}://{request.host}"


def check_own_page(request: web.Request, desk: Services) -> None:
    """Refuse what another site made a browser send (CSRF): custom header, Origin and Sec-Fetch-Site."""
    if request.headers.get("X-Deskhand") != "1":
        raise errors.Forbidden("The header X-Deskhand: 1 is missing.")
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        raise errors.Forbidden("This came from another site.")
    origin = request.headers.get("Origin")
    if origin is not None and origin != own_origin(request, desk):
        raise errors.Forbidden("This came from another origin.")


def check_socket_origin(request: web.Request, desk: Services, *, required: bool) -> None:
    """Browsers always say where a WebSocket comes from, and don't hinder foreign ones; we do.

    Not `required` where the first frame has to hold a token, which a foreign page doesn't have.
    """
    origin = request.headers.get("Origin")
    if origin is None and not required:
        return
    if origin != own_origin(request, desk):
        raise errors.Forbidden("This WebSocket came from another origin.")


def client_address(request: web.Request, desk: Services) -> str:
    """The peer's address; where the peer is a trusted proxy, the last address that is none."""
    trusted = desk.settings.trusted_proxies
    address = request.remote or "unknown"
    hops = [hop.strip() for hop in ",".join(request.headers.getall("X-Forwarded-For", [])).split(",")]
    while address in trusted and hops:
        hop = hops.pop()
        try:
            address = str(ipaddress.ip_address(hop))
        except ValueError:
            break
    return _network(address)


def _network(address: str) -> str:
    """One IPv6 household has 2^64 addresses: count it as one."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if parsed.version == 6:
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)
