"""`deskhand encoders FILE --task ...`: which encoder reads your labelled texts best, and a head over it."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from bot.cli_parts import Progress, add_common, failing, indented, positive
from bot.settings import Settings
from nlp.registry import Registry

Result = dict[str, Any]
MEASURES = {"macro_f1": "macro F1", "f1": "F1 of exact spans"}


def add_to(commands: Any) -> None:
    """Add the subcommand to the parser."""
    encoders = commands.add_parser(
        "encoders",
        help="compare encoders on a labelled file",
        description="Each candidate is frozen and gets the same linear head; a quarter of the texts, told by "
        "their hash, judges. With --publish the winner's head is then taught in full and published in a copy "
        "of the version that serves; stopped with Ctrl-C, the same command goes on where it stood.",
        epilog="example: deskhand encoders data/sentiment.jsonl --task sentiment --try minilm "
        "--try models/bert-base-chinese",
    )
    encoders.add_argument(
        "file", type=Path, help='lines of {"text", "label"}, {"text", "intent"} or {"tokens", "tags"}'
    )
    encoders.add_argument("--task", choices=("sentiment", "intents", "entities"), required=True)
    encoders.add_argument(
        "--try",
        dest="names",
        action="append",
        metavar="ENCODER",
        help="minilm (the shipped one), a folder in Hugging Face layout, or a Hub id; say it once for each",
    )
    encoders.add_argument("--limit", type=positive, help="use so many rows, drawn by the seed")
    encoders.add_argument("--publish", action="store_true", help="publish a version with the winner's head")
    add_common(encoders)
    encoders.set_defaults(run=_run, text=_lines)


def _run(settings: Settings, arguments: argparse.Namespace) -> Result:
    # Imported here: it takes seconds, and a wrong command line should be told at once.
    from training.encoders import SHIPPED, compare
    from training.own_heads import HeadOrder, publish_head

    progress = Progress("").work
    with failing():
        figures = compare(
            arguments.file,
            arguments.task,
            arguments.names or [SHIPPED],
            seed=arguments.seed,
            limit=arguments.limit,
            device=settings.device,
            progress=progress,
        )
        if arguments.publish:
            order = HeadOrder(
                arguments.file, arguments.task, figures["winner"], arguments.seed, arguments.limit
            )
            registry = Registry(settings.data_dir / "models")
            version, head = publish_head(order, registry, settings.data_dir / "training", progress)
            figures |= {"version": version.name, "head": head}
    return {"task": arguments.task, "file": arguments.file.name, **figures}


def _lines(result: Result) -> str:
    """A line for each candidate, best first, and what to make of it."""
    widest, measure = max(len(name) for name in result["encoders"]), result["measure"]
    out = [f"{result['n']} texts judged, {result['learned_from']} learned from"]
    for name, one in result["encoders"].items():
        low, high = one["interval"][measure]
        out.append(
            f"{name:<{widest}}  {MEASURES[measure]} {one[measure]:.4f} ({low:.4f} to {high:.4f})  "
            f"{one['texts_per_second']:,.0f} texts a second"
        )
    return "\n".join([*out, _verdict(result), *_published(result)])


def _published(result: Result) -> list[str]:
    """What the new head reads, beside the one before, and what to do with it."""
    if "version" not in result:
        return []
    head, name = result["head"], result["version"]
    shown = indented({"on the texts held out": {"now": head["figures"], "before": head["before"]}}, "")
    return [*shown, f"published: {name}; `deskhand models promote {name}` makes it the one that serves"]


def _verdict(result: Result) -> str:
    if "lead" not in result:
        return "one candidate has nobody to win against: name others by --try"
    how = "clearly ahead" if result["clear"] else "ahead, but that may be chance"
    low, high = result["lead_interval"]
    return f"{result['winner']} is {how}: by {result['lead']:.4f} ({low:.4f} to {high:.4f})"
