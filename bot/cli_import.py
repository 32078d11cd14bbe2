"""`deskhand import FILE...`: conversations of another desk come in, or are only counted (--dry-run)."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from bot import imports
from bot.cli_parts import Progress, add_common, failing, indented
from bot.cli_users import TERMINAL, database_alone
from bot.failure import Failure
from bot.settings import Settings
from storage.transcripts.formats import FORMATS
from storage.transcripts.table import COLUMNS

_EXAMPLE = "example: deskhand import tickets.json chats.csv --map text=body --map Rep=agent --dry-run"
_RUNNING = (
    "on SQLite only one process may work on the data. Stop it, give this command again, and start it anew; "
    "or move to PostgreSQL, where servers may go on"
)


def add_to(commands: Any) -> None:
    """Add the subcommand to the parser."""
    command = commands.add_parser(
        "import", help="bring in conversations of another desk, or count them first", epilog=_EXAMPLE
    )
    command.add_argument("files", nargs="+", type=Path, metavar="FILE", help="gzip is allowed")
    command.add_argument("--dry-run", action="store_true", help="count what there is and store nothing")
    command.add_argument("--format", choices=FORMATS, help="default: told by each file")
    command.add_argument("--source", metavar="NAME", help="begin of the external ids, <NAME>:<id>")
    command.add_argument(
        "--map",
        action="append",
        default=[],
        metavar="A=B",
        help=f"in tables: column B holds A ({', '.join(COLUMNS)}), or A in the role column means B "
        "(customer, agent)",
    )
    command.add_argument("--skip-broken", action="store_true", help="leave broken rows out and list them")
    add_common(command, seed=False)
    command.set_defaults(run=_run, text=_lines)


async def _run(settings: Settings, arguments: argparse.Namespace) -> dict[str, Any]:
    mapped = _mapped(arguments.map)
    progress = Progress("conversations read")
    with failing():
        given = imports.sources(arguments.files, arguments.format, arguments.source, mapped)
        async with database_alone(settings, _RUNNING) as db:
            if arguments.dry_run:
                figures = await imports.survey(db, given, progress.counted)
            else:
                figures = await imports.bring_in(
                    db,
                    given,
                    actor=TERMINAL,
                    skip_broken=arguments.skip_broken,
                    progress=progress.counted,
                )
    files = [{"file": str(one.path), "format": one.format} for one in given]
    done = {} if arguments.dry_run else {"imported": figures.imported}
    return {"dry_run": arguments.dry_run, "files": files, **done, **figures.view()}


def _mapped(given: list[str]) -> dict[str, str]:
    pairs = [one.partition("=") for one in given]
    for one, (left, _, right) in zip(given, pairs, strict=True):
        known = left in COLUMNS or right in ("customer", "agent")
        if not left or not right or not known:
            raise Failure(
                f"--map {one}: FIELD=COLUMN was expected (fields: {', '.join(COLUMNS)}), or VALUE=agent, "
                "VALUE=customer for what stands in the role column"
            )
    return {left: right for left, _, right in pairs}


def _lines(result: dict[str, Any]) -> str:
    lines = [f"{one['file']}: {one['format']}" for one in result["files"]]
    lines.append(f"conversations: {result['conversations']:,}")
    for key in ("turns", "duplicates", "personal_data"):
        lines += indented({key.replace("_", " "): result[key]}, "")
    lines.append(f"new: {result['new']:,}")
    lines.append(f"models may learn from: {result['eligible']:,}")
    lines += indented({"and not from": result["not_eligible"]}, "")
    if result["broken"]["count"]:
        lines.append(f"broken rows: {result['broken']['count']:,}")
        lines += [f"  {row['file']} {row['place']}: {row['reason']}" for row in result["broken"]["rows"]]
    if result["dry_run"]:
        lines.append("nothing was stored; give the command without --dry-run to import")
    else:
        lines.append(f"imported: {result['imported']:,}")
    return "\n".join(lines)
