"""The command `deskhand`: reads the line, calls the part that does it, says what came of it.

Exit 0 done, 1 failed with one clear line on stderr, 2 wrong usage. With --json one JSON object on
stdout and nothing else; logs and progress go to stderr.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bot import (
    cli_discover,
    cli_encoders,
    cli_erase,
    cli_evaluate,
    cli_export,
    cli_import,
    cli_models,
    cli_train,
    cli_users,
    doctor,
    logs,
    serve,
)
from bot.failure import Failure
from bot.settings import Settings, SettingsError, load
from storage.errors import StorageError


def main(argv: Sequence[str] | None = None, environ: Mapping[str, str] | None = None) -> int:
    """Run one command and return its exit status."""
    arguments = parser().parse_args(argv)
    try:
        settings = _settings(arguments, os.environ if environ is None else environ)
        logs.configure(settings.log_level)
        outcome = arguments.run(settings, arguments)
        result: dict[str, Any] | None = asyncio.run(outcome) if asyncio.iscoroutine(outcome) else outcome
    except KeyboardInterrupt:
        return 130
    except (Failure, SettingsError, StorageError, OSError) as error:
        print(f"deskhand: {_line(error)}", file=sys.stderr)
        return 1
    return _report(result, arguments)


def parser() -> argparse.ArgumentParser:
    """The whole command line; every subcommand has an example in its help."""
    top = argparse.ArgumentParser(prog="deskhand", description="Customer service chat on your own machine.")
    top.add_argument(
        "--config", type=Path, default=Path("deskhand.toml"), help="settings file (deskhand.toml)"
    )
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    serve.add_to(commands)
    cli_train.add_to(commands)
    cli_models.add_to(commands)
    cli_evaluate.add_to(commands)
    cli_discover.add_to(commands)
    cli_encoders.add_to(commands)
    cli_users.add_to(commands)
    cli_erase.add_to(commands)
    cli_import.add_to(commands)
    cli_export.add_to(commands)
    doctor.add_to(commands)
    return top


def _settings(arguments: argparse.Namespace, environ: Mapping[str, str]) -> Settings:
    """The settings; what the command line says wins."""
    given = {
        f"DESKHAND_{name.upper()}": str(value)
        for name in ("host", "port", "data_dir")
        if (value := getattr(arguments, name, None)) is not None
    }
    return load({**environ, **given}, arguments.config)


def _report(result: dict[str, Any] | None, arguments: argparse.Namespace) -> int:
    if result is None:
        return 0
    if getattr(arguments, "json", False):
        print(json.dumps(result, ensure_ascii=False))
    elif text := arguments.text(result):
        print(text)
    return 0 if result.get("ok", True) else 1


def _line(error: Exception) -> str:
    said = str(error) or type(error).__name__
    return " ".join(said.split())


if __name__ == "__main__":
    sys.exit(main())
