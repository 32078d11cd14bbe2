"""Candidates between the gate and promotion, for admins: tried in shadow or as a canary, watched, stopped.

Every change is written to the audit log in the transaction that makes it. Knows no statistics.
"""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import Annotated, Any

from aiohttp import web
from pydantic import Field

from bot import canary, evidence, shadow
from bot.api import errors, shapes_stages
from bot.api.callers import ADMINS
from bot.api.routing import Body, Call, NoBody, NoQuery, Routes, answer
from bot.api.services import Services, services
from bot.api.training import Name, actor, sentence
from bot.canary import Side
from bot.evidence import Compared
from nlp.gains import Gain
from nlp.shares import of_share
from storage import stages
from storage.errors import Conflict
from storage.records import Stage, StageKind

routes = Routes()


class Tried(Body):
    """A candidate that is to draft unseen, and for how many of 100 messages; null is as in the settings."""

    version: Name
    percent: Annotated[float, Field(gt=0, le=100)] | None = None


class Served(Body):
    """A candidate that is to serve, and how many of 100 conversations; null is as in the settings."""

    version: Name
    percent: Annotated[float, Field(gt=0, le=50)] | None = None


@routes.route(
    "GET",
    "/api/admin/models/stages",
    access=ADMINS,
    summary="How the candidate that is tried stands",
    responses={200: shapes_stages.Stages},
)
async def read_stages(call: Call[NoBody, NoQuery]) -> web.StreamResponse:
    """The running stage with its figures, and how the latest ones ended."""
    desk = services(call.request)
    async with desk.db.read() as tx:
        found = await stages.list_stages(tx)
    now = next((one for one in found if one.state == "running"), None)
    return answer(
        {
            "running": None if now is None else stage_view(now),
            "loaded": now is not None and desk.serving.guest == now.version,
            "megabytes": None if now is None else await asyncio.to_thread(desk.stages.megabytes, now.version),
            "shadow": await _shadow_view(desk, now) if now and now.kind == "shadow" else None,
            "canary": await _canary_view(desk, now) if now and now.kind == "canary" else None,
            "ended": [stage_view(one) for one in found if one.state != "running"],
        }
    )


@routes.route(
    "POST",
    "/api/admin/models/shadow",
    access=ADMINS,
    summary="Let a candidate draft unseen beside the version that serves",
    body=Tried,
    responses={200: shapes_stages.Stage},
    problems=(409,),
)
async def try_in_shadow(call: Call[Tried, NoQuery]) -> web.StreamResponse:
    """Answered when it is loaded; 409, with the reason, where it can't be, or another one is tried."""
    return await _begun(call, "shadow", call.body.version, call.body.percent)


@routes.route(
    "POST",
    "/api/admin/models/canary",
    access=ADMINS,
    summary="Let a candidate serve a share of the conversations",
    body=Served,
    responses={200: shapes_stages.Stage},
    problems=(409,),
)
async def serve_as_canary(call: Call[Served, NoQuery]) -> web.StreamResponse:
    """Answered when it serves them; it goes back by itself where it is worse. 409 says why it can't."""
    return await _begun(call, "canary", call.body.version, call.body.percent)


@routes.route(
    "POST",
    "/api/admin/models/stages/stop",
    access=ADMINS,
    summary="Stop trying the candidate",
    responses={200: shapes_stages.Stage},
    problems=(409,),
)
async def stop_stage(call: Call[NoBody, NoQuery]) -> web.StreamResponse:
    """The version that serves has all conversations again at once; 409 where no candidate is tried."""
    try:
        ended = await services(call.request).stages.stop(actor(call.account))
    except Conflict as error:
        raise errors.Conflict(sentence(error)) from None
    return answer({"stage": stage_view(ended)})


async def _begun(
    call: Call[Any, NoQuery], kind: StageKind, version: str, percent: float | None
) -> web.StreamResponse:
    share = None if percent is None else percent / 100
    try:
        stage = await services(call.request).stages.begin(kind, version, actor(call.account), share)
    except Conflict as error:
        raise errors.Conflict(sentence(error)) from None
    return answer({"stage": stage_view(stage)})


def stage_view(stage: Stage) -> dict[str, Any]:
    """A stage for the page of models."""
    return {
        "id": str(stage.id),
        "kind": stage.kind,
        "version": stage.version,
        "champion": stage.champion,
        "percent": round(stage.share * 100, 1),
        "state": stage.state,
        "reason": stage.reason,
        "next_look": evidence.next_look(stage.looks),
        "errors": stage.errors,
        "ready": stage.ready_at is not None,
        "created_at": stage.created_at.isoformat(),
        "ended_at": None if stage.ended_at is None else stage.ended_at.isoformat(),
    }


async def _shadow_view(desk: Services, stage: Stage) -> dict[str, Any]:
    now = await shadow.standing(desk.db, stage)
    compared = ("own", "own_first", "every", "every_first")
    return {
        "drafted": now.drafted,
        **{name: _compared_view(getattr(now, name)) for name in compared},
        "course": [{"moments": moments, **asdict(gain)} for moments, gain in now.course],
    }


def _compared_view(found: Compared) -> dict[str, Any]:
    gain: Gain | None = found.gain
    names = ("moments", "conversations", "champion", "candidate", "verdict", "missing")
    interval = {name: None if gain is None else getattr(gain, name) for name in ("mean", "low", "high")}
    return {**{name: getattr(found, name) for name in names}, **interval, "said": found.said()}


async def _canary_view(desk: Services, stage: Stage) -> dict[str, Any]:
    now = await canary.standing(desk.db, stage)
    return {
        "candidate": _arm_view(stage.version, now.candidate),
        "champion": _arm_view(stage.champion, now.champion),
        "enough": canary.ENOUGH,
        "said": now.said(),
    }


def _arm_view(version: str, side: Side) -> dict[str, Any]:
    arm, slowest = side.arm, evidence.slowest(side.milliseconds)
    low, high = of_share(arm.share, arm.decisions)
    return {
        "version": version,
        "conversations": len(arm.decided),
        "decisions": arm.decisions,
        "taken": sum(arm.taken),
        "share": arm.share,
        "low": low,
        "high": high,
        "slowest": None if slowest is None else slowest / 1000,
    }
