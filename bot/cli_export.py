"""`deskhand export conversations|training-set`: what is stored, in the uniform format, one object a line."""

from __future__ import annotations

import argparse
import gzip
import io
import json
import os
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO, cast

from bot.cli_parts import Progress, add_common
from bot.cli_users import database_alone
from bot.failure import Failure
from bot.settings import Settings
from storage.database import Database
from storage.exports import every, exported, transcript_of
from storage.learnable import learnable
from storage.transcripts import uniform
from storage.transcripts.transcript import Transcript

_EXAMPLE = "example: deskhand export training-set --out ours.jsonl.gz"
_RUNNING = (
    "on SQLite only one process may work on the data. Stop it and give this command again, or give it on a "
    "backup (--data-dir)"
)


def add_to(commands: Any) -> None:
    """Add the subcommand to the parser."""
    command = commands.add_parser("export", help="give out conversations as JSON lines", epilog=_EXAMPLE)
    command.add_argument(
        "what",
        choices=("conversations", "training-set"),
        help="all of them with what is known of each, or what models may learn from",
    )
    command.add_argument("--out", type=Path, metavar="FILE", help="default: stdout; .gz packs it")
    add_common(command, seed=False)
    command.set_defaults(run=_run, text=_lines)


async def _run(settings: Settings, arguments: argparse.Namespace) -> dict[str, Any]:
    if arguments.json and arguments.out is None:
        raise Failure("--json prints counts on stdout, so the conversations need --out FILE")
    read = _all if arguments.what == "conversations" else _learnable
    progress = Progress("conversations written")
    turns = count = 0
    async with database_alone(settings, _RUNNING) as db:
        with _opened(arguments.out) as file:
            async for one in read(db):
                if not one.turns:  # opened, and nothing said yet: no row of the uniform format
                    continue
                file.write(json.dumps(uniform.row_of(one), ensure_ascii=False) + "\n")
                count, turns = count + 1, turns + len(one.turns)
                progress.counted(count)
    told = None if arguments.out is None else str(arguments.out)
    return {"what": arguments.what, "out": told, "conversations": count, "turns": turns}


async def _all(db: Database) -> AsyncIterator[Transcript]:
    async for one in every(db, exported):
        yield transcript_of(one)


async def _learnable(db: Database) -> AsyncIterator[Transcript]:
    async for one in every(db, learnable):
        yield transcript_of(one)


@contextmanager
def _opened(out: Path | None) -> Iterator[TextIO]:
    """Where the lines go. A file appears under its name when it is whole, readable by its owner alone."""
    if out is None:
        yield sys.stdout
        return
    unfinished = out.with_name(f".{out.name}.unfinished")
    try:
        with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as raw:
            if out.suffix == ".gz":
                with gzip.open(raw, "wt", encoding="utf-8") as packed:
                    yield cast(TextIO, packed)
            else:
                with io.TextIOWrapper(raw, "utf-8") as text:
                    yield text
        unfinished.replace(out)
    finally:
        unfinished.unlink(missing_ok=True)


def _lines(result: dict[str, Any]) -> str:
    # without --out stdout is full of the conversations themselves
    if result["out"] is None:
        return ""
    return f"{result['out']}: {result['conversations']:,} conversations, {result['turns']:,} turns"
