"""`deskhand erase --customer ID`: a customer and everything of theirs leaves rows, files and models."""

from __future__ import annotations

import argparse
from typing import Any
from uuid import UUID

from bot import erasure
from bot.cli_parts import add_common, failing
from bot.cli_users import TERMINAL, database_alone
from bot.failure import Failure
from bot.messages import Actor
from bot.settings import Settings
from storage.errors import NotFound

_EXAMPLE = "example: deskhand erase --customer 01932c07-5f3e-7cc1-9d54-3a8b7f0e6d21"
_RUNNING = "erase there (customer's panel of the console, as an admin) or stop it and give this command again"


def add_to(commands: Any) -> None:
    """Add the subcommand to the parser."""
    command = commands.add_parser("erase", help="erase a customer and everything of theirs", epilog=_EXAMPLE)
    command.add_argument("--customer", required=True, metavar="ID", help="the id in the console's panel")
    add_common(command, seed=False)
    command.set_defaults(run=_run, text=_lines)


async def _run(settings: Settings, arguments: argparse.Namespace) -> dict[str, Any]:
    try:
        customer_id = UUID(arguments.customer)
    except ValueError:
        raise Failure(
            "that is not a customer's id; the console shows it to admins in the customer's panel"
        ) from None
    with failing():
        async with database_alone(settings, _RUNNING) as db:
            try:
                return await erasure.erase(db, settings.data_dir, customer_id, Actor(TERMINAL))
            except NotFound:
                raise Failure(
                    "no customer has this id; nothing was changed. The console shows ids to admins"
                ) from None


def _lines(report: dict[str, Any]) -> str:
    if report["again"]:
        lines = ["this customer was erased before; nothing of theirs was left in the database"]
    else:
        rows = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in report["rows"].items())
        lines = [f"erased: {rows}"]
    if report["drafts_of_others"]:
        lines.append(
            f"drafts for others that leaned on their replies, and no longer say so: "
            f"{report['drafts_of_others']}"
        )
    lines += [f"removed: {name}" for name in report["files_removed"]]
    if report["tainted"]:
        lines.append(
            f"versions that have learned from them, and can't be promoted any more: "
            f"{', '.join(report['tainted'])}"
        )
        lines.append(f"a clean round of training is asked for: {report['run']}")
    return "\n".join(lines)
