"""`deskhand doctor`: looks whether everything that `serve` needs is there, and says what to do if not."""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import os
import socket
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bot.models import chosen_version
from bot.settings import DATABASE_FILE, Settings, unknown_variables
from bot.stages import megabytes
from nlp.errors import NlpError
from nlp.registry import Registry
from storage import stages
from storage.database import Database
from storage.errors import StorageError

_EXAMPLE = "example: deskhand doctor --json"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at; `advice` says what to do where it isn't well."""

    name: str
    ok: bool
    said: str
    advice: str = ""

    def document(self) -> dict[str, Any]:
        """The JSON form."""
        return {"name": self.name, "ok": self.ok, "said": self.said, "advice": self.advice}


def add_to(commands: Any) -> None:
    """Add the subcommand to the parser."""
    command = commands.add_parser("doctor", help="check this installation", epilog=_EXAMPLE)
    command.add_argument("--data-dir", dest="data_dir", help="folder of all state")
    command.add_argument("--json", action="store_true", help="print one JSON object")
    command.set_defaults(run=_run, text=_lines)


async def _run(settings: Settings, _: argparse.Namespace) -> dict[str, Any]:
    checks: list[Callable[[Settings], Finding]] = [
        _data_dir,
        _port,
        _variables,
        _models,
        _accelerator,
        _cookies,
    ]
    found = [await asyncio.to_thread(check, settings) for check in checks]
    found[1:1] = await _database(settings)
    return {"ok": all(finding.ok for finding in found), "checks": [finding.document() for finding in found]}


def _data_dir(settings: Settings) -> Finding:
    folder = settings.data_dir
    if not folder.exists():
        parent = next(place for place in folder.absolute().parents if place.exists())
        ok = os.access(parent, os.W_OK)
        return Finding(
            "data folder", ok, "not made yet", "" if ok else "choose another with DESKHAND_DATA_DIR"
        )
    if not os.access(folder, os.W_OK | os.X_OK):
        return Finding("data folder", False, "not writable", "give it to the user that runs deskhand")
    if folder.stat().st_mode & 0o077:
        return Finding("data folder", False, "others can read it", f"chmod 700 {folder}")
    return Finding("data folder", True, "writable, for us alone")


async def _database(settings: Settings) -> list[Finding]:
    if not settings.database_url and not await asyncio.to_thread(_has_file, settings):
        return [Finding("database", True, f"SQLite {sqlite3.sqlite_version}, not made yet")]
    try:
        db = await Database.open(settings.database, migrate=False)
    except StorageError:
        advice = "check DESKHAND_DATABASE_URL and that it runs"
        return [Finding("database", False, "can't be opened", advice)]
    try:
        revision, tried = await db.revision(), await _candidate(db, settings)
    finally:
        await db.close()
    kind = f"SQLite {sqlite3.sqlite_version}" if db.dialect == "sqlite" else "PostgreSQL"
    return [Finding("database", True, f"{kind}, revision {revision or 'none'}"), *tried]


async def _candidate(db: Database, settings: Settings) -> list[Finding]:
    """A candidate that is tried costs the memory of a second version on every node."""
    try:
        async with db.read() as tx:
            stage = await stages.running(tx)
    except StorageError:
        return []  # a database that was not migrated yet
    if stage is None:
        return []
    registry = Registry(settings.data_dir / "models")
    size = await asyncio.to_thread(megabytes, registry, stage.version)
    where = "in shadow" if stage.kind == "shadow" else "a canary"
    if size is None:
        advice = "put its folder back, or stop it on the page Models"
        return [Finding("candidate", False, f"{stage.version} is {where}, and isn't here", advice)]
    said = f"{stage.version} is {where}: a second version is loaded, {size} MB and what libraries add"
    return [Finding("candidate", True, said)]


def _has_file(settings: Settings) -> bool:
    return (settings.data_dir / DATABASE_FILE).exists()


def _port(settings: Settings) -> Finding:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            said = f"{settings.host}:{settings.port}: {error.strerror}"
            return Finding(
                "port", False, said, "is deskhand running already? else choose another with --port"
            )
    return Finding("port", True, f"{settings.host}:{settings.port} is free")


def _variables(_: Settings) -> Finding:
    unknown = unknown_variables(os.environ)
    if unknown:
        return Finding(
            "environment", False, f"unknown: {', '.join(unknown)}", "correct the name or take it out"
        )
    return Finding("environment", True, "every DESKHAND_ variable is known")


def _models(settings: Settings) -> Finding:
    missing = [name for name in ("torch", "transformers") if not importlib.util.find_spec(name)]
    if missing:
        return Finding("models", False, f"missing: {', '.join(missing)}", "install deskhand again with pip")
    try:
        version = chosen_version(settings)
    except NlpError as error:
        return Finding("models", False, str(error), "deskhand models list; the starter version always works")
    return Finding("models", True, f"version {version.name}, every file is whole")


def _accelerator(_: Settings) -> Finding:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return Finding("processor", True, f"{cores} cores")


def _cookies(settings: Settings) -> Finding:
    outside = settings.host not in ("127.0.0.1", "::1", "localhost")
    if outside and not settings.secure:
        advice = "put a TLS proxy in front and set DESKHAND_PUBLIC_URL=https://..."
        return Finding("https", False, "reachable from outside without https", advice)
    return Finding("https", True, "https" if settings.secure else "this machine only")


def _lines(result: dict[str, Any]) -> str:
    lines = []
    for check in result["checks"]:
        lines.append(f"{'ok  ' if check['ok'] else 'FAIL'} {check['name']:<12} {check['said']}")
        if check["advice"]:
            lines.append(f"     -> {check['advice']}")
    return "\n".join(lines)
