"""Training and models for admins: rounds and their schedule, versions, what goes live and what comes back.

Every change is written to the audit log in the transaction that makes it. Knows no trainer.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from aiohttp import web
from pydantic import Field

from bot import schedule as schedules
from bot.api import errors, shapes_training
from bot.api.callers import ADMINS
from bot.api.routing import Body, Call, NoBody, NoQuery, Query, Routes, SafeStr, answer
from bot.api.services import services
from bot.api.signin import note
from bot.messages import Actor
from bot.night import read_schedule
from bot.schedule import SCHEDULE_KEY, Schedule
from storage import learnable, model_versions, settings_store, training_runs
from storage.database import Transaction
from storage.errors import Conflict
from storage.records import Account, ModelVersion, TrainingRun

routes = Routes()

Name = Annotated[SafeStr, Field(min_length=1, max_length=100, pattern=r"^[a-z0-9][a-z0-9._-]*$")]
Minutes = Annotated[float, Field(gt=0, le=1440)]


class NewRun(Body):
    """A round that is asked for."""

    minutes: Minutes | None = None
    seed: Annotated[int, Field(ge=0, le=2**31)] = 17


class NewSchedule(Body):
    """When rounds begin by themselves, and what becomes of a version that the gate lets through."""

    when: Literal["off", "nightly", "weekly"]
    hour: Annotated[int, Field(ge=0, le=23)] = 2
    weekday: Annotated[int, Field(ge=0, le=6)] = 6
    after_reviewed: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    minutes: Minutes = 45.0
    promote: Literal["ask", "shadow", "stages", "gate"] = "ask"


class Chosen(Body):
    """A version by its name."""

    version: Name


class OfVersion(Query):
    """Which version, of those that rounds have made."""

    version: Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\d-\d{1,6}$")]


@routes.route(
    "GET",
    "/api/admin/training-runs",
    access=ADMINS,
    summary="Training runs and their schedule",
    responses={200: shapes_training.Training},
)
async def list_runs(call: Call[NoBody, NoQuery]) -> web.StreamResponse:
    """Newest first; with what has been reviewed since the last one."""
    async with services(call.request).db.read() as tx:
        found = await training_runs.list_runs(tx, limit=50)
        schedule = await read_schedule(tx)
        since = found[0].created_at if found else datetime.fromtimestamp(0, UTC)
        reviewed = await learnable.reviewed_since(tx, since)
    following = schedules.next_slot(schedule, datetime.now().astimezone())
    return answer(
        {
            "items": [run_view(run) for run in found],
            "schedule": asdict(schedule),
            "next": None if following is None else following.isoformat(),
            "reviewed": reviewed,
        }
    )


@routes.route(
    "POST",
    "/api/admin/training-runs",
    access=ADMINS,
    summary="Train now",
    body=NewRun,
    responses={201: shapes_training.Run},
    problems=(409,),
)
async def request_run(call: Call[NewRun, NoQuery]) -> web.StreamResponse:
    """Queues a row, which the night shift takes within seconds; 409 while another waits or runs."""
    given = call.body

    async def work(tx: Transaction) -> TrainingRun:
        if await training_runs.waiting(tx):
            raise Conflict("a round waits or runs already")
        minutes = given.minutes or (await read_schedule(tx)).minutes
        options = {"minutes": minutes, "seed": given.seed, "why": "asked for"}
        run = await training_runs.request_run(tx, requested_by=call.account.id, options=options)
        await note(tx, call.account, "training_requested", f"training_run:{run.id}")
        return run

    return answer({"run": run_view(await _written(call, work))}, status=201)


@routes.route(
    "POST",
    "/api/admin/training-runs/{id}/cancel",
    access=ADMINS,
    summary="Cancel a training run",
    responses={200: shapes_training.Run},
    problems=(409,),
)
async def cancel_run(call: Call[NoBody, NoQuery]) -> web.StreamResponse:
    """A running one ends within seconds; 409 for one that has ended."""
    run_id = call.id()

    async def work(tx: Transaction) -> TrainingRun:
        run = await training_runs.cancel_run(tx, run_id, by=call.account.name)
        await note(tx, call.account, "training_cancelled", f"training_run:{run_id}")
        return run

    return answer({"run": run_view(await _written(call, work))})


@routes.route(
    "PUT",
    "/api/admin/training-schedule",
    access=ADMINS,
    summary="Set when rounds begin by themselves",
    body=NewSchedule,
    responses={200: shapes_training.Schedule},
)
async def set_schedule(call: Call[NewSchedule, NoQuery]) -> web.StreamResponse:
    """In force at once; an hour of today that has passed was not missed."""
    chosen = Schedule(**call.body.model_dump(), since=datetime.now(UTC).isoformat())

    async def work(tx: Transaction) -> None:
        await settings_store.put_setting(tx, SCHEDULE_KEY, chosen.told())
        await note(tx, call.account, "training_scheduled", "training", **call.body.model_dump())

    await services(call.request).db.write(work)
    return answer(asdict(chosen))


@routes.route(
    "GET",
    "/api/admin/models",
    access=ADMINS,
    summary="Model versions",
    responses={200: shapes_training.Models},
)
async def list_models(call: Call[NoBody, NoQuery]) -> web.StreamResponse:
    """Newest first, with the figures they were judged by; the one that serves is live."""
    desk = services(call.request)
    async with desk.db.read() as tx:
        found = await model_versions.list_versions(tx)
    return answer({"items": [version_view(one) for one in found], "serving": desk.serving.version})


@routes.route(
    "POST",
    "/api/admin/models/promote",
    access=ADMINS,
    summary="Serve a version from now on",
    body=Chosen,
    responses={200: shapes_training.Version},
    problems=(409,),
)
async def promote_model(call: Call[Chosen, NoQuery]) -> web.StreamResponse:
    """Answered when it serves; 409, with the reason, where it can't: then the old one serves on."""
    desk = services(call.request)
    try:
        live = await desk.promotion.promote(call.body.version, actor(call.account))
    except Conflict as error:
        raise errors.Conflict(sentence(error)) from None
    return answer({"version": version_view(live)})


@routes.route(
    "POST",
    "/api/admin/models/rollback",
    access=ADMINS,
    summary="Serve the version before again",
    responses={200: shapes_training.Version},
    problems=(409,),
)
async def roll_back_model(call: Call[NoBody, NoQuery]) -> web.StreamResponse:
    """Answered when it serves; 409 where there is none to go back to."""
    try:
        live = await services(call.request).promotion.roll_back(actor(call.account))
    except Conflict as error:
        raise errors.Conflict(sentence(error)) from None
    return answer({"version": version_view(live)})


@routes.route(
    "GET",
    "/api/admin/models/report",
    access=ADMINS,
    summary="What a version's trial showed",
    query=OfVersion,
    responses={200: shapes_training.Report},
    problems=(404,),
)
async def read_report(call: Call[NoBody, OfVersion]) -> web.StreamResponse:
    """The gate's checks and what its report draws; 404 for a version that no round has made."""
    desk = services(call.request)
    async with desk.db.read() as tx:
        version = await model_versions.version(tx, call.query.version)
    folder = desk.settings.data_dir / "training" / "reports"
    plots = await asyncio.to_thread(_plots, folder / version.version / "plots.json")
    if plots is None:
        raise errors.NotFound()
    return answer({"version": version_view(version), "plots": plots})


def _plots(path: Path) -> dict[str, Any] | None:
    try:
        told: dict[str, Any] = json.loads(path.read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return None
    return told


async def _written(call: Call[Any, Any], work: Any) -> TrainingRun:
    try:
        run: TrainingRun = await services(call.request).db.write(work)
    except Conflict as error:
        raise errors.Conflict(sentence(error)) from None
    return run


def actor(account: Account) -> Actor:
    """Who did it, for the audit log."""
    return Actor(account.email, account.id)


def sentence(error: Exception) -> str:
    """An error's message as a sentence."""
    said = str(error)
    return f"{said[:1].upper()}{said[1:]}."


def version_view(version: ModelVersion) -> dict[str, Any]:
    """A version for the page of models."""
    return {
        "version": version.version,
        "state": version.state,
        "parent": version.parent,
        "metrics": dict(version.metrics),
        "reason": version.reason,
        "tainted": version.tainted_at is not None,
        "created_at": version.created_at.isoformat(),
        "changed_at": version.changed_at.isoformat(),
    }


def run_view(run: TrainingRun) -> dict[str, Any]:
    """A round for the page of training."""
    return {
        "id": str(run.id),
        "state": run.state,
        "options": dict(run.options),
        "requested_by": None if run.requested_by is None else str(run.requested_by),
        "version": run.version,
        "report": dict(run.report),
        "error": run.error,
        "progress": None if run.progress is None else dict(run.progress),
        "cancelled": run.cancelled,
        "created_at": run.created_at.isoformat(),
        "started_at": None if run.started_at is None else run.started_at.isoformat(),
        "finished_at": None if run.finished_at is None else run.finished_at.isoformat(),
    }
