"""`deskhand encoders FILE --task sentiment|intents`: which encoder reads your labelled texts best."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from bot.cli_parts import Progress, add_common, failing, positive
from bot.settings import Settings

Result = dict[str, Any]


def add_to(commands: Any) -> None:
    """Add the subcommand to the parser."""
    encoders = commands.add_parser(
        "encoders",
        help="compare encoders on a labelled file",
        description="Each candidate is frozen and gets the same linear head; a quarter of the texts, told by "
        "their hash, judges.",
        epilog="example: deskhand encoders data/sentiment.jsonl --task sentiment --try minilm "
        "--try models/bert-base-chinese",
    )
    encoders.add_argument("file", type=Path, help='lines of {"text", "label"} or {"text", "intent"}')
    encoders.add_argument("--task", choices=("sentiment", "intents"), required=True)
    encoders.add_argument(
        "--try",
        dest="names",
        action="append",
        metavar="ENCODER",
        help="minilm (the shipped one), a folder in Hugging Face layout, or a Hub id; say it once for each",
    )
    encoders.add_argument("--limit", type=positive, help="use so many rows, drawn by the seed")
    add_common(encoders)
    encoders.set_defaults(run=_run, text=_lines)


def _run(settings: Settings, arguments: argparse.Namespace) -> Result:
    # Imported here: it takes seconds, and a wrong command line should be told at once.
    from training.encoders import SHIPPED, compare

    with failing():
        figures = compare(
            arguments.file,
            arguments.task,
            arguments.names or [SHIPPED],
            seed=arguments.seed,
            limit=arguments.limit,
            device=settings.device,
            progress=Progress("").work,
        )
    return {"task": arguments.task, "file": arguments.file.name, **figures}


def _lines(result: Result) -> str:
    """A line for each candidate, best first, and what to make of it."""
    widest = max(len(name) for name in result["encoders"])
    out = [f"{result['n']} texts judged, {result['learned_from']} learned from"]
    for name, one in result["encoders"].items():
        low, high = one["interval"]["macro_f1"]
        out.append(
            f"{name:<{widest}}  macro F1 {one['macro_f1']:.4f} ({low:.4f} to {high:.4f})  "
            f"{one['texts_per_second']:,.0f} texts a second"
        )
    return "\n".join([*out, _verdict(result)])


def _verdict(result: Result) -> str:
    if "lead" not in result:
        return "one candidate has nobody to win against: name others by --try"
    how = "clearly ahead" if result["clear"] else "ahead, but that may be chance"
    low, high = result["lead_interval"]
    return f"{result['winner']} is {how}: by {result['lead']:.4f} ({low:.4f} to {high:.4f})"
