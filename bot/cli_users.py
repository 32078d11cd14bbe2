"""`deskhand user add|list|disable`: the accounts of the support team, from the terminal."""

from __future__ import annotations

import argparse
import sys
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from typing import Any

from bot import occupancy
from bot.app import make_data_dir
from bot.failure import Failure
from bot.passwords import LONGEST, SHORTEST, Passwords, new_password
from bot.settings import Settings
from storage import accounts, audit
from storage.database import Database, Transaction
from storage.errors import Conflict, LastAdmin, NotFound
from storage.records import Account

TERMINAL = "command line"
"""Who the audit log names for what is done here."""

_ADD = "example: deskhand user add mia@example.com --name 'Mia Park' --role admin"
_LIST = "example: deskhand user list --json"
_DISABLE = "example: deskhand user disable mia@example.com"


def add_to(commands: Any) -> None:
    """Add the subcommands to the parser."""
    user = commands.add_parser("user", help="accounts of the support team", epilog=_ADD)
    actions = user.add_subparsers(dest="action", required=True, metavar="ACTION")
    add = actions.add_parser("add", help="add an account", epilog=_ADD)
    add.add_argument("email")
    add.add_argument("--name", help="shown to customers; default: the part before the @")
    add.add_argument("--role", choices=("agent", "admin", "viewer"), default="agent")
    add.add_argument(
        "--password-stdin", action="store_true", help="read the password from stdin instead of making one"
    )
    _finish(add, _add, lambda r: f"added {r['email']} ({r['role']})" + _shown(r))
    _finish(actions.add_parser("list", help="list the accounts", epilog=_LIST), _list, _lines)
    disable = actions.add_parser("disable", help="end an account's access at once", epilog=_DISABLE)
    disable.add_argument("email")
    _finish(disable, _disable, lambda r: f"disabled {r['email']}")


def _finish(command: argparse.ArgumentParser, run: Any, text: Any) -> None:
    command.add_argument("--data-dir", dest="data_dir", help="folder of all state")
    command.add_argument("--json", action="store_true", help="print one JSON object")
    command.set_defaults(run=run, text=text)


def _shown(result: dict[str, Any]) -> str:
    return f"\npassword: {result['password']}   (shown this once)" if result["password"] else ""


async def _add(settings: Settings, arguments: argparse.Namespace) -> dict[str, Any]:
    email = str(arguments.email).strip().lower()
    if email.count("@") != 1 or not all(email.split("@")) or len(email) > 254 or not email.isprintable():
        raise Failure("that is not an e-mail address")
    password = _given() if arguments.password_stdin else new_password()
    name = arguments.name or email.split("@")[0]
    db = await open_database(settings)
    try:
        account = await add_account(db, email=email, name=name, role=arguments.role, password=password)
    finally:
        await db.close()
    return {**_view(account), "password": None if arguments.password_stdin else password}


def _given() -> str:
    password = sys.stdin.readline().rstrip("\r\n")
    if not SHORTEST <= len(password) <= LONGEST:
        raise Failure(f"a password has {SHORTEST} to {LONGEST} characters")
    return password


async def add_account(db: Database, *, email: str, name: str, role: Any, password: str) -> Account:
    """Store a new account; raises Failure where the address is taken."""
    hashed = await Passwords().hash(password)

    async def work(tx: Transaction) -> Account:
        made = await accounts.create_account(tx, email=email, name=name, role=role, password_hash=hashed)
        await audit.append(
            tx,
            actor_id=None,
            actor=TERMINAL,
            action="account_added",
            subject=f"account:{made.id}",
            details={"role": role},
        )
        return made

    try:
        return await db.write(work)
    except Conflict:
        raise Failure(f"there is an account with this address already: {email}") from None


async def _list(settings: Settings, _: argparse.Namespace) -> dict[str, Any]:
    db = await open_database(settings)
    try:
        async with db.read() as tx:
            found = await accounts.list_accounts(tx)
    finally:
        await db.close()
    return {"accounts": [_view(account) for account in found]}


async def _disable(settings: Settings, arguments: argparse.Namespace) -> dict[str, Any]:
    email = str(arguments.email).strip().lower()
    db = await open_database(settings)

    async def work(tx: Transaction) -> Account:
        found = await accounts.by_email(tx, email)
        if found is None:
            raise NotFound
        await accounts.disable(tx, found.id)
        subject = f"account:{found.id}"
        await audit.append(tx, actor_id=None, actor=TERMINAL, action="account_disabled", subject=subject)
        return found

    try:
        account = await db.write(work)
    except NotFound:
        raise Failure(f"there is no account with this address: {email}") from None
    except LastAdmin:
        raise Failure(f"{email} is the last admin; add another one first (deskhand user add)") from None
    finally:
        await db.close()
    return {**_view(account), "disabled": True}


async def open_database(settings: Settings) -> Database:
    """The database of the settings, migrated."""
    make_data_dir(settings)
    return await Database.open(settings.database)


@asynccontextmanager
async def database_alone(settings: Settings, advice: str) -> AsyncIterator[Database]:
    """The database for the length of the block; raises Failure, with the advice, where it is SQLite's
    and a server works on the data folder."""
    make_data_dir(settings)
    with ExitStack() as held:
        if settings.database.startswith("sqlite"):
            held.enter_context(occupancy.alone(settings.data_dir, advice))
        db = await open_database(settings)
        try:
            yield db
        finally:
            await db.close()


def _view(account: Account) -> dict[str, Any]:
    return {
        "id": str(account.id),
        "email": account.email,
        "name": account.name,
        "role": account.role,
        "disabled": account.disabled,
    }


def _lines(result: dict[str, Any]) -> str:
    found = result["accounts"]
    if not found:
        return f"no accounts yet; {_ADD}"
    return "\n".join(
        f"{one['email']:<32} {one['role']:<7} {'disabled' if one['disabled'] else 'active':<9}{one['name']}"
        for one in found
    )
