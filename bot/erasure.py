"""Erasing a customer, top to bottom: files first, then every row in one transaction, then what is running.

The files go first because only the rows know what to look for in them: whoever is killed half way finds
both again. Weights can't forget, so versions that have learned from the customer are tainted, and a clean
round is asked for. Running brains hear of it by a row of the settings (bot.brains). The report, and the
entry of the audit log, say how much went and nothing of whom. Knows no route and no command line.
"""

from __future__ import annotations

import asyncio
import gzip
import mmap
import shutil
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from bot import new_intents
from bot.brains import ERASED_KEY
from bot.messages import Actor
from bot.models import INDEX, INDEX_BESIDE
from storage import audit, erasure, model_versions, settings_store, training_runs
from storage.database import Database, Transaction
from storage.erasure import Place, Theirs
from storage.errors import NotFound
from storage.stamps import now

WHY = "erasure"
"""The option of a training run that says why it was asked for."""


async def erase(db: Database, data_dir: Path, customer_id: UUID, by: Actor) -> dict[str, Any]:
    """Erase a customer; the report. Again for one who was erased: finishes what a kill has left.

    Raises NotFound where there never was such a customer, RegistryError where a version is not whole.
    """
    async with db.read() as tx:
        again = await erasure.erased_before(tx, customer_id)
        try:
            theirs = await erasure.theirs(tx, customer_id)
        except NotFound:
            if not again:
                raise
            theirs = Theirs({}, frozenset())
    files = await asyncio.to_thread(forget_files, data_dir, theirs)
    places, seen = await _cited(db, theirs)
    report = await db.write(lambda tx: _rows(tx, customer_id, theirs, files, places, by))
    # Drafts that were recorded while we read; what is recorded from now on knows that the replies are gone.
    late, _ = await _cited(db, theirs, seen)
    await db.write(lambda tx: erasure.uncite(tx, late, theirs.replies))
    await db.settle()
    return report


async def _cited(db: Database, theirs: Theirs, after: UUID | None = None) -> tuple[list[Place], UUID | None]:
    async with db.read() as tx:
        return await erasure.cited(tx, theirs.replies, after=after)


async def _rows(
    tx: Transaction,
    customer_id: UUID,
    theirs: Theirs,
    files: Files,
    places: list[Place],
    by: Actor,
) -> dict[str, Any]:
    try:
        rows = await erasure.erase(tx, customer_id)
    except NotFound:
        rows = {}
    uncited = await erasure.uncite(tx, places, theirs.replies)
    await new_intents.forget_erased(tx)
    await model_versions.taint(tx, files.tainted)
    report: dict[str, Any] = {
        "rows": rows,
        "drafts_of_others": uncited,
        "files_removed": files.removed,
        "tainted": files.tainted,
        "run": await _clean_round(tx, by) if files.tainted else None,
        "again": not rows,
    }
    await settings_store.put_setting(tx, ERASED_KEY, now().isoformat())
    if rows or files.removed or files.tainted:
        await audit.append(
            tx,
            actor_id=by.account_id,
            actor=by.name,
            action=erasure.ACTION,
            subject=erasure.subject(customer_id),
            details=report,
        )
    return report


async def _clean_round(tx: Transaction, by: Actor) -> str:
    """The round that is asked for, unless one that will do waits already."""
    waiting = [run for run in await training_runs.list_runs(tx) if run.state == "queued"]
    known = next((run for run in waiting if run.options.get("why") == WHY), None)
    run = known or await training_runs.request_run(tx, requested_by=by.account_id, options={"why": WHY})
    return str(run.id)


# Files.


@dataclass(frozen=True, slots=True)
class Files:
    """What became of files: those removed, below the data folder, and the versions that are tainted."""

    removed: list[str]
    tainted: list[str]


def forget_files(data_dir: Path, theirs: Theirs) -> Files:
    """Take conversations out of index and versions, and remove training's snapshots of them; blocks."""
    # Imported here: it takes seconds.
    from nlp import forgetting
    from nlp.types import Turn

    names = {str(one) for one in theirs.said}
    for turns in theirs.said.values():
        said = [Turn("customer" if role == "customer" else "agent", text) for role, text in turns]
        names |= {forgetting.digest(said)} if said else set()
    items = names | {str(one) for one in theirs.replies}
    tainted = forgetting.forget(data_dir / "models", items)
    for cache in (INDEX, INDEX_BESIDE):
        forgetting.forget_cache(data_dir / cache, items)
    return Files(_remove_snapshots(data_dir / "training", names), tainted)


def _remove_snapshots(folder: Path, names: Collection[str]) -> list[str]:
    """Remove each entry of the training folder in which one of these conversations is named."""
    wanted = [name.encode() for name in names]
    removed = []
    for entry in sorted(folder.iterdir()) if folder.is_dir() and wanted else ():
        if any(_mentions(path, wanted) for path in _files(entry)):
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
            removed.append(f"{folder.name}/{entry.name}")
    return removed


def _files(entry: Path) -> Iterator[Path]:
    yield from (path for path in sorted(entry.rglob("*")) if path.is_file())
    if entry.is_file():
        yield entry


def _mentions(path: Path, names: Collection[bytes]) -> bool:
    """Is one of the names in the file, or in its name? A packed file is read as what it holds."""
    if any(name in str(path).encode() for name in names):
        return True
    if path.suffix == ".gz":
        try:
            with gzip.open(path) as lines:
                return any(name in line for line in lines for name in names)
        except (OSError, EOFError):
            return True  # half written: nobody can say that they are not in it
    if not path.stat().st_size:
        return False
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as held:
        return any(held.find(name) >= 0 for name in names)
