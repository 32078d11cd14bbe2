"""`deskhand discover FILE...`: what customers ask for that a version does not know, as proposed intents."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from bot.cli_parts import Progress, add_common, failing, positive
from bot.models import chosen_version
from bot.settings import Settings

Result = dict[str, Any]


def add_to(commands: Any) -> None:
    """Add the subcommand to the parser."""
    discover = commands.add_parser(
        "discover",
        help="find new intents in unlabelled messages",
        description="Groups the customers' messages that the intent head is not sure about, and proposes a "
        "name for each group. Of a conversation the customer's first message counts.",
        epilog="example: deskhand discover data/chats.jsonl.gz --limit 5000 --json",
    )
    discover.add_argument(
        "files",
        type=Path,
        nargs="+",
        metavar="FILE",
        help='lines of {"conversation_id", "turns"} or {"text"}, plain or .gz',
    )
    discover.add_argument("--everything", action="store_true", help="group sure messages as well")
    discover.add_argument("--model", help="version that reads; default: the current one")
    discover.add_argument("--limit", type=positive, help="look at so many messages, drawn by the seed")
    add_common(discover)
    discover.set_defaults(run=_run, text=_lines)


def _run(settings: Settings, arguments: argparse.Namespace) -> Result:
    # Imported here: it takes seconds, and a wrong command line should be told at once.
    from nlp.reading import Reader
    from training.discovery import discover

    with failing():
        version = chosen_version(settings, arguments.model)
        found = discover(
            arguments.files,
            Reader.load(version.heads, device=settings.device),
            everything=arguments.everything,
            limit=arguments.limit,
            seed=arguments.seed,
            progress=Progress("").work,
        )
    return {"files": [path.name for path in arguments.files], "model": version.name, **found}


def _lines(result: Result) -> str:
    """A block for each group: name, size, keywords, examples."""
    out = [
        f"{result['messages']:,} messages, {result['unsure']:,} that {result['model']} is unsure of, "
        f"{result['grouped']:,} of those in {len(result['clusters'])} groups"
    ]
    for one in result["clusters"]:
        out += ["", f"{one['name']}  ({one['size']} messages, cohesion {one['cohesion']:.2f})"]
        out += [f"  keywords: {', '.join(one['keywords'])}"] if one["keywords"] else []
        out += [f"  - {' '.join(text.split())[:160]}" for text in one["examples"]]
    return "\n".join(out)
