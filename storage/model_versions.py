"""Model versions and which of them is live. Knows no file: the registry of nlp holds those.

candidate -> live -> retired -> live again (a roll-back); candidate -> refused, for good. One that has
learned from a customer who was erased since is tainted: it keeps its state, and can't go live any more.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import select, text, update

from storage.errors import Conflict, NotFound
from storage.records import ModelVersion, VersionState
from storage.rows import build
from storage.schema_admin import model_versions as table
from storage.stamps import now
from storage.transaction import Transaction


async def add_version(
    tx: Transaction, *, version: str, parent: str | None, metrics: Mapping[str, Any]
) -> ModelVersion:
    """Store a new candidate; raises Conflict when the name is taken."""
    time = now()
    row: dict[str, Any] = {
        "version": version,
        "state": "candidate",
        "parent": parent,
        "metrics": dict(metrics),
        "reason": None,
        "created_at": time,
        "changed_at": time,
    }
    if not await tx.insert_new(table, row):
        raise Conflict("there is a model version of this name already")
    return ModelVersion(**row)


async def see(
    tx: Transaction, name: str, *, parent: str | None = None, metrics: Mapping[str, Any] | None = None
) -> None:
    """Write down a version that is there, as a candidate; one that is known stays as it is."""
    fresh: dict[str, Any] = {"version": name, "state": "candidate", "parent": parent, "reason": None}
    time = now()
    await tx.insert_new(
        table, fresh | {"metrics": dict(metrics or {}), "created_at": time, "changed_at": time}
    )


async def version(tx: Transaction, name: str) -> ModelVersion:
    """The version; raises NotFound."""
    row = await tx.first(select(table).where(table.c.version == name))
    if row is None:
        raise NotFound("no such model version")
    return build(ModelVersion, row, table)


async def live_version(tx: Transaction) -> ModelVersion | None:
    """The version that answers customers, once one was promoted."""
    row = await tx.first(select(table).where(text("model_versions.state = 'live'")))
    return None if row is None else build(ModelVersion, row, table)


async def list_versions(tx: Transaction, *, limit: int = 100) -> list[ModelVersion]:
    """The versions, newest first."""
    rows = await tx.all(select(table).order_by(table.c.created_at.desc()).limit(limit))
    return [build(ModelVersion, row, table) for row in rows]


async def promote(tx: Transaction, name: str, *, reason: str | None = None) -> ModelVersion:
    """Make a candidate or a retired version live and retire the one that was.

    Raises NotFound, and Conflict for a refused or tainted one or when another is promoted at once.
    """
    wanted = await version(tx, name)
    if wanted.state == "live":
        return wanted
    if wanted.state == "refused":
        raise Conflict("a refused version can't go live")
    if wanted.tainted_at is not None:
        raise Conflict("this version has learned from a customer who was erased; train a new one")
    current = update(table).where(text("model_versions.state = 'live'"))
    await tx.execute(current.values(state="retired", changed_at=now()))
    return await _move(tx, wanted, "live", reason)


async def refuse(tx: Transaction, name: str, *, reason: str) -> ModelVersion:
    """The gate keeps a candidate out, and why; raises NotFound, and Conflict unless it is a candidate."""
    candidate = await version(tx, name)
    if candidate.state != "candidate":
        raise Conflict("only a candidate can be refused")
    return await _move(tx, candidate, "refused", reason)


async def roll_back(tx: Transaction, *, reason: str) -> ModelVersion:
    """Make the version live that was retired last and isn't tainted; raises Conflict when there is none."""
    clean = select(table.c.version).where(table.c.state == "retired", table.c.tainted_at.is_(None))
    last = clean.order_by(table.c.changed_at.desc())
    name = await tx.scalar(last.limit(1))
    if name is None:
        raise Conflict("there is no earlier version to go back to")
    return await promote(tx, str(name), reason=reason)


async def taint(tx: Transaction, names: Collection[str]) -> list[str]:
    """These versions have learned from somebody who was erased: they and what was made from them by name.

    A version that is known on disk only gets its row now. Returns those that were not tainted before.
    """
    time = now()
    for name in names:
        await see(tx, name)
    heirs = list(names)
    tainted: set[str] = set()
    while heirs:
        tainted.update(heirs)
        rows = await tx.all(select(table.c.version).where(table.c.parent.in_(heirs)))
        heirs = [row["version"] for row in rows if row["version"] not in tainted]
    clean = table.c.version.in_(tainted) & table.c.tainted_at.is_(None)
    marked = update(table).where(clean).values(tainted_at=time).returning(table.c.version)
    return sorted(row["version"] for row in await tx.all(marked))


async def _move(tx: Transaction, old: ModelVersion, state: VersionState, reason: str | None) -> ModelVersion:
    """Change the state, unless somebody else did since `old` was read."""
    moved = (
        update(table)
        .where(table.c.version == old.version, table.c.state == old.state)
        .values(state=state, reason=reason, changed_at=now())
    )
    if not await tx.changed(moved):
        raise Conflict("this version was changed by somebody else")
    return await version(tx, old.version)
