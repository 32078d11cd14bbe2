"""The night shift: rounds of training that were asked for or are due, each in a process of its own.

A round is a row. One node takes it, freezes a snapshot of the log, and starts `deskhand train` on it with
low priority, so that customers are answered meanwhile; what it says of its progress goes into the row. A
round whose node was lost, or that was stopped with the server, goes on where it stood. When it ends, the
version is a candidate or refused, with the gate's reasons; where an admin chose so, a candidate is tried
beside the version that serves, or goes live by itself.
Knows rows, processes and the schedule; nothing of training.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Literal

from bot.messages import Actor
from bot.promotion import Promotion, summary
from bot.schedule import SCHEDULE_KEY, Schedule, due
from bot.settings import Settings
from bot.snapshot import FILE, Snapshot, freeze
from bot.stages import Stages
from storage import audit, learnable, model_versions, settings_store, training_runs
from storage.database import Database, Transaction
from storage.errors import Conflict
from storage.records import TrainingRun

log = logging.getLogger(__name__)

TICK, LOOK = 5.0, 1.0
"""Seconds between two looks for a round, and at one that runs."""
LOST_SECONDS = 180.0
"""A running round whose node was not heard of for so long is taken up by another."""
GRACE = 10.0
"""Seconds that a trainer may take to end."""
SCHEDULER = Actor("the schedule")
STATUS, OUTPUT, ERRORS = "status.json", "result.json", "log.txt"

Command = Sequence[str]


def train_command() -> Command:
    """How a round is started; what it is to do is added."""
    return (sys.executable, "-m", "bot.cli", "train")


class NightShift:
    """Takes rounds until it is stopped; one for each node that may train."""

    def __init__(
        self,
        db: Database,
        settings: Settings,
        promotion: Promotion,
        stages: Stages,
        *,
        node: str,
        command: Command | None = None,
    ) -> None:
        self._db, self._settings = db, settings
        self._promotion, self._stages = promotion, stages
        self._node, self._command = node, command
        self._task: asyncio.Task[None] | None = None
        self._folder = settings.data_dir / "training"

    def start(self) -> None:
        """Begin to look for rounds."""
        self._task = asyncio.create_task(self._run(), name="night-shift")

    async def stop(self) -> None:
        """Stop looking; a round that runs is ended, and goes on after the next start."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            try:
                await self._ask_if_due()
                run = await self._db.write(
                    lambda tx: training_runs.claim_next(tx, node=self._node, lost_seconds=LOST_SECONDS)
                )
                if run is not None:
                    await self._round(run)
                    continue
            except Conflict:
                pass  # another node was quicker
            except Exception as error:  # the next look comes, whatever this one met
                log.warning("night shift: a look failed: %s", type(error).__name__)
            await asyncio.sleep(TICK)

    async def _ask_if_due(self) -> None:
        async with self._db.read() as tx:
            schedule = await read_schedule(tx)
            runs = await training_runs.list_runs(tx, limit=1)
            last = runs[0].created_at if runs else None
            since = last or schedule.chosen_at
            reviewed = await learnable.reviewed_since(tx, since) if since else 0
        why = due(schedule, last, reviewed, datetime.now().astimezone())
        if why is not None:
            await self._db.write(lambda tx: _ask(tx, schedule, why))

    async def _round(self, run: TrainingRun) -> None:
        """One round, from the frozen log to a version or the reason why there is none."""
        folder = self._folder / str(run.id)
        try:
            snapshot = await freeze(self._db, folder)
            failure = await self._train(run, folder)
            if failure is None:
                await self._published(run, snapshot, json.loads((folder / OUTPUT).read_text()))
        except asyncio.CancelledError:
            raise
        except Exception as error:
            # The type only: messages of errors may quote a customer.
            log.exception("a round of training failed")
            await self._end(run, f"the round could not be run: {type(error).__name__}")
            return
        if failure is not None:
            await self._end(run, failure or None)
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    async def _train(self, run: TrainingRun, folder: Path) -> str | None:
        """Run the trainer; None where it did its work, "" where it was cancelled, else its complaint."""
        process = await self._started(run, folder)
        try:
            while process.returncode is None:
                told = await asyncio.to_thread(_status, folder / STATUS)
                said = partial(training_runs.report_progress, run_id=run.id, progress=told)
                if not await self._db.write(said):
                    await _ended(process)
                    return ""
                with suppress(TimeoutError):
                    await asyncio.wait_for(process.wait(), LOOK)
        finally:
            await _ended(process)
        if process.returncode == 0:
            return None
        return await asyncio.to_thread(_complaint, folder / ERRORS)

    async def _started(self, run: TrainingRun, folder: Path) -> asyncio.subprocess.Process:
        options = run.options
        arguments = {
            "--data": str(folder / FILE),
            "--minutes": str(options.get("minutes", Schedule().minutes)),
            "--seed": str(options.get("seed", 17)),
            "--status": str(folder / STATUS),
            "--data-dir": str(self._settings.data_dir),
        }
        environment = {**os.environ, "DESKHAND_DEVICE": self._settings.device}
        with (folder / OUTPUT).open("wb") as output, (folder / ERRORS).open("wb") as errors:
            return await asyncio.create_subprocess_exec(
                *(self._command or train_command()),
                *(part for pair in arguments.items() for part in pair),
                "--json",
                stdout=output,
                stderr=errors,
                env=environment,
                start_new_session=True,
            )

    async def _end(self, run: TrainingRun, error: str | None) -> None:
        await self._db.write(lambda tx: training_runs.finish_run(tx, run.id, "failed", error=error))

    async def _published(self, run: TrainingRun, snapshot: Snapshot, result: Mapping[str, Any]) -> None:
        """Write the version down, and let it go live where an admin has chosen that."""
        name, gate = str(result["version"]), result["gate"]
        report = {**summary(result), "snapshot": snapshot.told()}

        async def work(tx: Transaction) -> Schedule:
            await model_versions.see(tx, name, parent=str(result["champion"]), metrics=report)
            if not gate["passed"]:
                reason = "; ".join(gate["reasons"])[:2_000]
                await model_versions.refuse(tx, name, reason=reason)
            state: Literal["published", "refused"] = "published" if gate["passed"] else "refused"
            await training_runs.finish_run(tx, run.id, state, version=name, report=report)
            await audit.append(
                tx,
                actor_id=run.requested_by,
                actor="the night shift",
                action=f"model_{state}",
                subject=f"model:{name}",
                details={"run": str(run.id)},
            )
            return await read_schedule(tx)

        schedule = await self._db.write(work)
        if gate["passed"]:
            await self._goes_on(name, schedule)

    async def _goes_on(self, name: str, schedule: Schedule) -> None:
        """What an admin has chosen for a version that the gate lets through."""
        try:
            if schedule.promote == "gate":
                await self._promotion.promote(name, SCHEDULER, "the gate let it through")
            elif schedule.promote != "ask":
                await self._stages.begin("shadow", name, SCHEDULER)
        except Conflict as error:
            log.warning("%s waits for an admin: %s", name, error)


async def read_schedule(tx: Transaction) -> Schedule:
    """The schedule in force."""
    return Schedule.of(await settings_store.get_setting(tx, SCHEDULE_KEY))


async def _ask(tx: Transaction, schedule: Schedule, why: str) -> None:
    if not await training_runs.waiting(tx):
        options = {"why": why, "minutes": schedule.minutes}
        await training_runs.request_run(tx, requested_by=None, options=options)


async def _ended(process: asyncio.subprocess.Process) -> None:
    """End a trainer: politely, then not; its work is kept in files."""
    if process.returncode is not None:
        return
    with suppress(ProcessLookupError):
        process.terminate()
    try:
        await asyncio.wait_for(process.wait(), GRACE)
    except TimeoutError:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def _status(path: Path) -> dict[str, Any] | None:
    """What the trainer said last; None where that can't be read just now."""
    try:
        told = json.loads(path.read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return None
    return told if isinstance(told, dict) else None


def _complaint(path: Path) -> str:
    """The last line that a trainer has left."""
    lines = [line for line in path.read_text(errors="replace").splitlines() if line.strip()]
    last = next((line for line in reversed(lines) if line.startswith("deskhand: ")), "")
    return last.removeprefix("deskhand: ") or "the training process ended unexpectedly; the log says more"
