"""`deskhand train`: conversations in, a published version out."""

from __future__ import annotations

import argparse
import json
import os
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bot.cli_parts import Progress, add_common, failing, indented
from bot.failure import Failure
from bot.models import chosen_version
from bot.settings import Settings
from nlp.registry import STARTER, Registry

Result = dict[str, Any]
PAUSE = 1.0
"""Seconds between two lines of a status."""


def add_to(commands: Any) -> None:
    """Add the subcommand to the parser."""
    train = commands.add_parser(
        "train",
        help="train a new model version on conversations",
        epilog="example: deskhand train --data chats-2026.jsonl.gz --minutes 45",
        description="Teaches a new version from conversations with agents' replies, tries it against the "
        "one that serves on some that neither learned from, and publishes it; one that is better and gives "
        "nothing away can be made the one that serves by `deskhand models promote`, another is refused with "
        "the reasons. Stopped with Ctrl-C, the same command goes on where it stood.",
    )
    train.add_argument(
        "--from",
        dest="base",
        default=STARTER,
        metavar="BASE",
        help="starter, a version, a folder with a GPT-2, or a Hub id (starter)",
    )
    train.add_argument(
        "--data", type=Path, action="append", required=True, metavar="FILE",
        help='lines of {"conversation_id", "turns"}, plain or .gz; may be given again',
    )  # fmt: skip
    train.add_argument("--minutes", type=float, default=45.0, help="about how long it may take (45)")
    train.add_argument(
        "--augment", default="", metavar="HOW",
        help="teach the matcher with customers' turns in other words too, and keep it if that helps: eda, or "
        "translate=FOLDER with Marian models in FOLDER/there and FOLDER/back",
    )  # fmt: skip
    train.add_argument(
        "--status",
        type=Path,
        metavar="FILE",
        help="keep the progress in this file, work with low priority, end with what started it",
    )
    add_common(train)
    train.set_defaults(run=_run, text=_lines)


def _run(settings: Settings, arguments: argparse.Namespace) -> Result:
    if not 0 < arguments.minutes <= 100_000:
        raise Failure("--minutes takes a number above 0, such as 45")
    # Imported here: it takes seconds, and a wrong command line should be told at once.
    from training import round as rounds

    registry = Registry(settings.data_dir / "models")
    progress = Progress("").work if arguments.status is None else Status(arguments.status).work
    with failing():
        order = rounds.Order(
            tuple(arguments.data),
            arguments.base,
            arguments.minutes,
            arguments.seed,
            settings.device,
            chosen_version(settings).name,
            arguments.augment,
        )
        version, facts = rounds.run(order, registry, settings.data_dir / "training", progress)
    return {"version": version.name, "folder": str(version.folder), **facts}


class Status:
    """Progress in a file, for the server that started us; we end when it is gone."""

    def __init__(self, path: Path) -> None:
        self._path, self._parent = path, os.getppid()
        self._last, self._what, self._began = 0.0, "", ""
        os.nice(15)

    def work(self, what: str, done: int, total: int) -> None:
        """Write down how far we are, not more often than somebody looks; raises KeyboardInterrupt."""
        if os.getppid() != self._parent:
            raise KeyboardInterrupt
        now = time.monotonic()
        if what == self._what and now - self._last < PAUSE and done < total:
            return
        if what != self._what:
            self._began = datetime.now(UTC).isoformat()
        self._what, self._last = what, now
        note = self._path.with_name(f"{self._path.name}.new")
        note.write_text(json.dumps({"what": what, "done": done, "total": total, "since": self._began}))
        note.replace(self._path)


_LEARNED = {
    "augmentation": "customers' turns in other words",
    "preference": "what agents preferred to drafts",
    "acceptance": "what agents did with drafts, for the score",
}


def _lines(result: Result) -> str:
    replies = result["replies"]
    shown = {name: replies[name] for name in ("suggestions", "retrieval_only", "generation_only")}
    found = "\n".join(indented({"on conversations set aside": {"n": replies["n"], **shown}}, ""))
    name, gate = result["version"], result["gate"]
    learned = {what: result[name] for name, what in _LEARNED.items() if name in result}
    found = "\n".join([found, *indented(learned, "")])
    lines = [found, *(f"{'passed' if one['passed'] else 'FAILED'}  {one['said']}" for one in gate["checks"])]
    if gate["passed"]:
        lines.append(f"published: {name}; `deskhand models promote {name}` makes it the one that serves")
    else:
        lines.append(f"refused: {name} stays for you to look at, and {result['champion']} goes on serving")
    return "\n".join(lines)
