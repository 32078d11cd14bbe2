"""Stages of a candidate between the gate and promotion: which one runs, and how earlier ones ended.

One stage runs at a time, on all nodes; it goes on after a restart. Knows no model, no figure and no test.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import select, text, update

from storage.errors import Conflict
from storage.records import Stage, StageKind, StageState
from storage.rows import build
from storage.schema_admin import stages as table
from storage.stamps import new_id, now
from storage.transaction import Transaction

# written out as in its partial index: a planner can't match a parameter with that
_RUNS = text("stages.state = 'running'")


async def begin(
    tx: Transaction, *, kind: StageKind, version: str, champion: str, share: float, requested_by: UUID | None
) -> Stage:
    """Begin a stage; raises Conflict while another one runs."""
    row: dict[str, Any] = {
        "id": new_id(),
        "kind": kind,
        "version": version,
        "champion": champion,
        "share": share,
        "state": "running",
        "reason": None,
        "requested_by": requested_by,
        "looks": 0,
        "errors": 0,
        "created_at": now(),
        "ready_at": None,
        "ended_at": None,
    }
    if not await tx.insert_new(table, row):
        raise Conflict("another candidate is in shadow or a canary; stop it first")
    return Stage(**row)


async def running(tx: Transaction) -> Stage | None:
    """The stage that runs, if any."""
    row = await tx.first(select(table).where(_RUNS))
    return None if row is None else build(Stage, row, table)


async def list_stages(tx: Transaction, *, limit: int = 50) -> list[Stage]:
    """The stages, newest first."""
    rows = await tx.all(select(table).order_by(table.c.created_at.desc(), table.c.id.desc()).limit(limit))
    return [build(Stage, row, table) for row in rows]


async def end(tx: Transaction, stage_id: UUID, state: StageState, reason: str) -> bool:
    """End a running stage; False where it had ended."""
    values = {"state": state, "reason": reason[:2_000], "ended_at": now()}
    return await tx.changed(_running(stage_id).values(**values)) > 0


async def looked(tx: Transaction, stage: Stage, *, ready: bool = False) -> bool:
    """A running stage was judged once more; False where another node did it, or it has ended."""
    values = {"looks": stage.looks + 1} | ({"ready_at": now()} if ready and stage.ready_at is None else {})
    return await tx.changed(_running(stage.id).where(table.c.looks == stage.looks).values(**values)) > 0


async def failed(tx: Transaction, stage_id: UUID) -> None:
    """Its models failed on a message."""
    await tx.execute(_running(stage_id).values(errors=table.c.errors + 1))


def _running(stage_id: UUID) -> Any:
    return update(table).where(table.c.id == stage_id, _RUNS)
