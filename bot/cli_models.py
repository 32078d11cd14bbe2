"""`deskhand models`: which versions there are, what is known of one, and which one serves."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from bot.cli_parts import add_common, failing, indented
from bot.settings import Settings
from nlp.registry import Registry, Version

Result = dict[str, Any]


def add_to(commands: Any) -> None:
    """Add the subcommands to the parser."""
    models = commands.add_parser(
        "models",
        help="list, show, promote or roll back model versions",
        epilog="example: deskhand models list",
    )
    actions = models.add_subparsers(dest="action", required=True, metavar="ACTION")
    for name, about, run in (
        ("list", "all versions; the one that serves is marked", _list),
        ("show", "what is known of a version", _show),
        ("promote", "let a version serve", _promote),
        ("rollback", "let the version before serve again", _rollback),
    ):
        example = f"deskhand models {name}" + (" 2026-11-28-1" if name in ("show", "promote") else "")
        action = actions.add_parser(name, help=about, epilog=f"example: {example}")
        if name in ("show", "promote"):
            action.add_argument("version")
        add_common(action, seed=False)
        action.set_defaults(run=_checked(run), text=_lines)


def _checked(
    run: Callable[[Registry, argparse.Namespace], Result],
) -> Callable[[Settings, argparse.Namespace], Result]:
    def checked(settings: Settings, arguments: argparse.Namespace) -> Result:
        with failing():
            return run(Registry(settings.data_dir / "models"), arguments)

    return checked


def _list(registry: Registry, arguments: argparse.Namespace) -> Result:
    tainted = sorted(registry.tainted())
    return {"versions": registry.names(), "current": registry.current().name, "tainted": tainted}


def _show(registry: Registry, arguments: argparse.Namespace) -> Result:
    version = registry.get(arguments.version)
    return {"version": version.name, "folder": str(version.folder), **version.facts}


def _promote(registry: Registry, arguments: argparse.Namespace) -> Result:
    return _serving(registry.promote(arguments.version))


def _rollback(registry: Registry, arguments: argparse.Namespace) -> Result:
    return _serving(registry.rollback())


def _serving(version: Version) -> Result:
    return {"current": version.name, "next": "a running server takes it up within a minute"}


def _lines(result: Result) -> str:
    if "versions" not in result:
        return "\n".join(indented(result, ""))
    marks = dict.fromkeys(result["tainted"], "   learned from a customer who was erased")
    return "\n".join(
        f"{'*' if name == result['current'] else ' '} {name}{marks.get(name, '')}"
        for name in result["versions"]
    )
