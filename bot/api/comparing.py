"""Comparing two versions for admins: their drafts side by side as a stream of lines, and a blind tally.

Knows no model; what an admin preferred is written to the audit log as counts, once, and nowhere else.
"""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Annotated

from aiohttp import web
from pydantic import Field

from bot.api import errors, shapes, shapes_training
from bot.api.callers import ADMINS
from bot.api.routing import Body, Call, NoQuery, Routes, answer
from bot.api.services import Services, services
from bot.api.training import Name
from bot.comparison import Line
from storage import audit
from storage.database import Transaction
from storage.errors import Conflict

log = logging.getLogger(__name__)

routes = Routes()

Count = Annotated[int, Field(ge=0, le=10_000)]


class Versions(Body):
    """Two versions, and which moments: so many after the first `skip`, newest conversations first."""

    left: Name
    right: Name
    skip: Count = 0
    count: Annotated[int, Field(ge=1, le=20)] = 10


class Picks(Body):
    """How often an admin who did not know which was which preferred each of two versions, or neither."""

    left: Name
    right: Name
    for_left: Count
    for_right: Count
    equal: Count


@routes.route(
    "POST",
    "/api/admin/models/compare",
    access=ADMINS,
    summary="Drafts of two versions side by side",
    body=Versions,
    responses={200: shapes_training.ComparisonLine},
    problems=(409,),
)
async def compare_models(call: Call[Versions, NoQuery]) -> web.StreamResponse:
    """JSON lines while the drafts are made; whoever hangs up ends it. 409 while another one runs."""
    desk, chosen = services(call.request), call.body
    _differ(chosen.left, chosen.right)
    drafting = desk.comparison.lines(chosen.left, chosen.right, skip=chosen.skip, count=chosen.count)
    async with AsyncExitStack() as stack:
        try:
            lines = await stack.enter_async_context(drafting)
        except Conflict as error:
            said = str(error)
            raise errors.Conflict(f"{said[:1].upper()}{said[1:]}.") from None
        return await _streamed(call.request, desk, lines)


async def _streamed(request: web.Request, desk: Services, lines: AsyncIterator[Line]) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
    response.content_type = shapes_training.ComparisonLine.media
    response.charset = "utf-8"
    try:
        await response.prepare(request)
        async for line in lines:
            if line["kind"] == "done":
                line = {**line, "unread": desk.serving.unread}
            await response.write(json.dumps(line, ensure_ascii=False).encode() + b"\n")
        await response.write_eof()
    except ConnectionError:
        log.info("a comparison was ended: its reader has left")
    return response


@routes.route(
    "POST",
    "/api/admin/models/picks",
    access=ADMINS,
    summary="Note what a blind comparison came to",
    body=Picks,
    responses={200: shapes.Empty},
)
async def note_picks(call: Call[Picks, NoQuery]) -> web.StreamResponse:
    """Into the audit log, as counts: the single picks are kept nowhere."""
    given = call.body
    _differ(given.left, given.right)

    async def work(tx: Transaction) -> None:
        await audit.append(
            tx,
            actor_id=call.account.id,
            actor=call.account.email,
            action="models_compared",
            subject=f"model:{given.right}",
            details=given.model_dump(),
        )

    await services(call.request).db.write(work)
    return answer({})


def _differ(left: str, right: str) -> None:
    if left == right:
        raise errors.Invalid("Choose two different versions.")
