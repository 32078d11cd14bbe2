"""Rounds of training: asked for as a row, run by the night shift, kept with their reports.

Knows no trainer. queued -> running -> published, refused or failed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import select, text, update

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


async def claim_next(tx: Transaction) -> TrainingRun | None:
    """Start the oldest queued run; None when there is none."""
    queued = select(table.c.id).where(text("training_runs.state = 'queued'"))
    oldest = queued.order_by(table.c.created_at).limit(1).with_for_update(skip_locked=True)
    run_id = await tx.scalar(oldest)
    if run_id is None:
        return None
    started = update(table).where(table.c.id == run_id).values(state="running", started_at=now())
    await tx.execute(started)
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
            error=None if error is None else error[:2_000],
            finished_at=now(),
        )
    )
    changed = await tx.changed(ended)
    stored = await run(tx, run_id)
    if not changed:
        raise Conflict("this training run is not running")
    return stored


async def fail_running(tx: Transaction, error: str) -> int:
    """Mark runs that a lost process left behind as failed; how many those were."""
    lost = update(table).where(table.c.state == "running")
    return await tx.changed(lost.values(state="failed", error=error[:2_000], finished_at=now()))
