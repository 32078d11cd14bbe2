"""Rounds of training: asked for as a row, run by the night shift, kept with their reports.

Knows no trainer. queued -> running -> published, refused or failed. One runs at a time, on one node; a round
whose node was lost is taken up by another, and goes on where it stood.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import or_, select, text, update

from storage.errors import Conflict, NotFound
from storage.records import TrainingRun
from storage.rows import build
from storage.schema_admin import training_runs as table
from storage.stamps import new_id, now
from storage.transaction import Transaction


async def request_run(
    tx: Transaction, *, requested_by: UUID | None, options: Mapping[str, Any]
) -> TrainingRun:
    """Ask for a round; `requested_by` None stands for the schedule."""
    row: dict[str, Any] = {
        "id": new_id(),
        "state": "queued",
        "requested_by": requested_by,
        "options": dict(options),
        "version": None,
        "report": {},
        "error": None,
        "created_at": now(),
        "started_at": None,
        "finished_at": None,
        "progress": None,
        "node": None,
        "alive_at": None,
        "cancelled": False,
    }
    await tx.insert(table, [row])
    return TrainingRun(**row)


async def run(tx: Transaction, run_id: UUID) -> TrainingRun:
    """The run; raises NotFound."""
    row = await tx.first(select(table).where(table.c.id == run_id))
    if row is None:
        raise NotFound("no such training run")
    return build(TrainingRun, row, table)


async def list_runs(tx: Transaction, *, limit: int = 100) -> list[TrainingRun]:
    """The runs, newest first."""
    rows = await tx.all(select(table).order_by(table.c.created_at.desc()).limit(limit))
    return [build(TrainingRun, row, table) for row in rows]


async def claim_next(tx: Transaction, *, node: str, lost_seconds: float) -> TrainingRun | None:
    """Start the oldest queued run on this node; None while another runs, or when there is none.

    A running one of this node itself, or one not heard of for `lost_seconds`, comes first: its process is
    gone, and the round goes on.
    """
    time = now()
    gone = or_(
        table.c.node == node,
        table.c.alive_at.is_(None),
        table.c.alive_at < time - timedelta(seconds=lost_seconds),
    )
    running = await tx.first(
        select(table.c.id, gone.label("gone")).where(text("training_runs.state = 'running'"))
    )
    if running is not None:
        if not running["gone"]:
            return None
        again = update(table).where(table.c.id == running["id"], gone)
        if not await tx.changed(again.values(node=node, alive_at=time)):
            return None
        return await run(tx, running["id"])
    queued = select(table.c.id).where(text("training_runs.state = 'queued'"))
    run_id = await tx.scalar(queued.order_by(table.c.created_at).limit(1).with_for_update(skip_locked=True))
    if run_id is None:
        return None
    started = update(table).where(table.c.id == run_id)
    await tx.execute(started.values(state="running", started_at=time, node=node, alive_at=time))
    return await run(tx, run_id)


async def waiting(tx: Transaction) -> bool:
    """Is a run queued or running?"""
    found = select(table.c.id).where(table.c.state.in_(("queued", "running"))).limit(1)
    return await tx.first(found) is not None


async def report_progress(tx: Transaction, run_id: UUID, progress: Mapping[str, Any] | None) -> bool:
    """Its node is alive, and how far the round is; whether it should go on: False once it was cancelled."""
    mine = update(table).where(table.c.id == run_id, table.c.state == "running")
    values: dict[str, Any] = {"alive_at": now()}
    if progress is not None:
        values["progress"] = dict(progress)
    if not await tx.changed(mine.values(values)):
        return False
    return not (await run(tx, run_id)).cancelled


async def cancel_run(tx: Transaction, run_id: UUID, *, by: str) -> TrainingRun:
    """End a queued run at once, ask a running one to end; raises NotFound, Conflict for an ended one."""
    stored = await run(tx, run_id)
    if stored.state not in ("queued", "running"):
        raise Conflict("this training run has ended already")
    error = f"cancelled by {by}"[:2_000]
    queued = update(table).where(table.c.id == run_id, table.c.state == "queued")
    if not await tx.changed(queued.values(state="failed", cancelled=True, error=error, finished_at=now())):
        await tx.execute(update(table).where(table.c.id == run_id).values(cancelled=True, error=error))
    return await run(tx, run_id)


async def finish_run(
    tx: Transaction,
    run_id: UUID,
    state: Literal["published", "refused", "failed"],
    *,
    version: str | None = None,
    report: Mapping[str, Any] | None = None,
    error: str | None = None,
) -> TrainingRun:
    """End a running round with its report; raises NotFound, and Conflict unless it is running."""
    ended = (
        update(table)
        .where(table.c.id == run_id, table.c.state == "running")
        .values(
            state=state,
            version=version,
            report=dict(report or {}),
            error=table.c.error if error is None else error[:2_000],
            finished_at=now(),
        )
    )
    changed = await tx.changed(ended)
    stored = await run(tx, run_id)
    if not changed:
        raise Conflict("this training run is not running")
    return stored
