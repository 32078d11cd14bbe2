"""`deskhand evaluate sentiment|entities|intents|replies FILE`: how good a version is on labelled data."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from bot.cli_parts import Progress, add_common, failing, indented, positive
from bot.failure import Failure
from bot.models import chosen_version
from bot.settings import Settings
from nlp.registry import Version

Result = dict[str, Any]

_TASKS = {
    "sentiment": ('lines of {"text", "label"}', "data/sentiment.jsonl"),
    "entities": ('lines of {"tokens", "tags"}, BIO', "data/entities.jsonl --map PER=person"),
    "intents": ('lines of {"text", "intent"}', "data/intents.jsonl --shots 10"),
    "replies": ('lines of {"conversation_id", "turns"}', "data/chats.jsonl.gz --limit 200"),
}


def add_to(commands: Any) -> None:
    """Add the subcommands to the parser."""
    evaluate = commands.add_parser(
        "evaluate",
        help="measure a model version on a labelled file",
        epilog="example: deskhand evaluate sentiment data/sentiment.jsonl --json",
    )
    tasks = evaluate.add_subparsers(dest="task", required=True, metavar="TASK")
    for name, (form, example) in _TASKS.items():
        task = tasks.add_parser(
            name, help=form, epilog=f"example: deskhand evaluate {name} {example} --report report"
        )
        task.add_argument("file", type=Path, help=f"{form}, plain or .gz")
        task.add_argument("--model", help="version to measure; default: the current one")
        task.add_argument("--limit", type=positive, help="judge so many rows, drawn by the seed")
        task.add_argument("--report", type=Path, metavar="DIR", help="write a page of plots there")
        add_common(task)
        if name in ("sentiment", "entities"):
            task.add_argument(
                "--map",
                action="append",
                default=[],
                metavar="LABEL=OURS",
                help="what a label of the file is called here; LABEL= leaves it out",
            )
        if name == "intents":
            task.add_argument("--shots", type=positive, default=10, help="examples of each intent (10)")
            task.add_argument("--examples", type=Path, help="take them from this file instead")
        if name == "replies":
            task.add_argument(
                "--memory",
                type=Path,
                action="append",
                default=[],
                metavar="FILE",
                help="past conversations to lean on; default: four fifths of the file itself",
            )
        task.set_defaults(run=_run, text=_lines)


def _run(settings: Settings, arguments: argparse.Namespace) -> Result:
    with failing():
        version = chosen_version(settings, arguments.model)
        figures = _figures(arguments, version, settings.device)
        if arguments.report:
            from training.report import write_report

            title = f"{arguments.task} of {arguments.file.name}, version {version.name}"
            page = write_report(arguments.report, title, figures)
            print(f"report: {page}", file=sys.stderr)
    figures.pop("plots", None)
    return {"task": arguments.task, "file": arguments.file.name, "model": version.name, **figures}


def _names(given: list[str]) -> dict[str, str]:
    pairs = [one.partition("=") for one in given]
    for label, sign, _ in pairs:
        if not label or not sign:
            raise Failure(f"--map takes LABEL=OURS, such as --map PER=person, not {label!r}")
    return {label: ours for label, _, ours in pairs}


def _figures(arguments: argparse.Namespace, version: Version, device: str) -> Result:
    """The figures of the chosen task."""
    common = {"limit": arguments.limit, "seed": arguments.seed}
    if arguments.task == "replies":
        from training.evaluate_replies import replies

        progress = Progress("").work
        return replies(
            arguments.file, version, memory=arguments.memory, device=device, progress=progress, **common
        )
    from nlp.reading import Reader
    from training import evaluate

    reader, rows = Reader.load(version.heads, device=device), Progress("reading").rows
    if arguments.task == "intents":
        return evaluate.intents(
            arguments.file,
            reader,
            shots=arguments.shots,
            examples=arguments.examples,
            progress=rows,
            **common,
        )
    judge = evaluate.sentiment if arguments.task == "sentiment" else evaluate.entities
    return judge(arguments.file, reader, names=_names(arguments.map), progress=rows, **common)


def _lines(result: Result) -> str:
    """The figures as text, blocks indented."""
    return "\n".join(indented(result, ""))
