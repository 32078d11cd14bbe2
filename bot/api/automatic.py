"""Automatic replies for admins: how things stand, how far they may go, and reviews of what was sent.

Every change is written to the audit log in the transaction that makes it. Knows no statistics.
"""

from __future__ import annotations

from typing import Any, Literal

from aiohttp import web

from bot import automatic, views
from bot.api import errors, shapes, shapes_automatic
from bot.api.callers import ADMINS
from bot.api.routing import Body, Call, NoBody, NoQuery, Routes, answer
from bot.api.services import Services, services
from bot.messages import PolicyMode
from bot.policy import unsigned
from bot.risk import TOLERABLE, Point
from storage import conversations, reviews
from storage.database import Transaction
from storage.errors import Conflict
from storage.records import Account, AutomaticReview

routes = Routes()

BEFORE = 6
"""Messages before a reply that come with its review."""
AT_ONCE = 20
"""Replies to review in one answer."""


class HowFar(Body):
    """How far Deskhand goes by itself, and per cent of wrong replies that are tolerated."""

    mode: Literal["off", "draft", "automatic"]
    tolerated: Literal[1, 2, 5, 10] | None


class Verdict(Body):
    """What a person says of a reply that went out alone; null takes it back."""

    verdict: Literal["right", "wrong"] | None


@routes.route(
    "GET",
    "/api/admin/automatic",
    access=ADMINS,
    summary="How things stand with automatic replies",
    responses={200: shapes_automatic.Automatic},
)
async def read_automatic(call: Call[NoBody, NoQuery]) -> web.StreamResponse:
    """Of the version that serves; every version needs reviewed suggestions of its own."""
    return answer(await _view(services(call.request)))


@routes.route(
    "PUT",
    "/api/admin/automatic",
    access=ADMINS,
    summary="Set how far Deskhand goes by itself",
    body=HowFar,
    responses={200: shapes_automatic.Automatic},
    problems=(409,),
)
async def set_automatic(call: Call[HowFar, NoQuery]) -> web.StreamResponse:
    """409 says what is missing where automatic replies can't begin; nothing is changed then."""
    desk = services(call.request)
    await choose(desk, call.account, call.body.mode, call.body.tolerated)
    return answer(await _view(desk))


async def choose(desk: Services, account: Account, mode: PolicyMode, tolerated: int | None) -> None:
    """Set mode and rate; raises Conflict of the api with the reason."""
    version = desk.serving.version

    async def work(tx: Transaction) -> None:
        await automatic.choose(tx, account, mode, tolerated, version)

    try:
        await desk.db.write(work)
    except Conflict as error:
        raise errors.Conflict(str(error)) from None


@routes.route(
    "GET",
    "/api/admin/automatic/reviews",
    access=ADMINS,
    summary="Automatic replies to review",
    responses={200: shapes_automatic.WaitingReviews},
)
async def list_reviews(call: Call[NoBody, NoQuery]) -> web.StreamResponse:
    """Those of the version that serves, oldest first."""
    desk = services(call.request)
    version = desk.serving.version
    async with desk.db.read() as tx:
        found = [] if version is None else await reviews.waiting(tx, version, limit=AT_ONCE)
        views_of_them = [await _review_view(tx, one) for one in found]
    return answer({"items": views_of_them})


@routes.route(
    "POST",
    "/api/admin/automatic/reviews/{id}",
    access=ADMINS,
    summary="Judge an automatic reply",
    body=Verdict,
    responses={200: shapes.Empty},
)
async def judge_reply(call: Call[Verdict, NoQuery]) -> web.StreamResponse:
    """The latest word counts; where the tolerated rate is broken, automatic replies stop."""
    await services(call.request).conversations.judge(call.id(), call.body.verdict, call.account)
    return answer({})


async def _view(desk: Services) -> dict[str, Any]:
    version = desk.serving.version
    async with desk.db.read() as tx:
        now = await automatic.standing(tx, desk.conversations.policy, version)
        judged = await reviews.tally(tx, version or "")
    return {
        "mode": now.mode,
        "tolerated": now.tolerated,
        "version": version,
        "state": now.state,
        "why": now.why,
        "floor": now.floor,
        "coverage": None if now.floor is None else now.labels.at(now.floor).coverage,
        "reviewed": len(now.labels),
        "errors": now.labels.errors,
        "choices": [_choice_view(now, percent) for percent in TOLERABLE],
        "curve": [_point_view(point) for point in now.labels.curve()],
        "reviews": judged,
        "review_percent": desk.settings.review_percent,
    }


def _choice_view(now: automatic.Standing, percent: int) -> dict[str, Any]:
    finding = now.labels.assess(percent / 100)
    return {
        "percent": percent,
        "point": None if finding.chosen is None else _point_view(finding.chosen),
        "missing": finding.missing,
        "why": "" if finding.chosen else automatic.waits_for(now.labels, now.version, percent),
    }


def _point_view(point: Point) -> dict[str, Any]:
    names = ("threshold", "reviewed", "errors", "coverage", "rate", "bound")
    return {name: getattr(point, name) for name in names}


async def _review_view(tx: Transaction, one: AutomaticReview) -> dict[str, Any]:
    earlier = one.message.seq - 1
    said = await conversations.recent_messages(tx, one.conversation_id, BEFORE * 2, up_to_seq=earlier)
    shown = [message for message in said if views.is_for_customer(message)][-BEFORE:]
    return {
        "id": str(one.suggestion_id),
        "conversation_id": str(one.conversation_id),
        "reply": unsigned(one.message.text),
        "at": one.message.at.isoformat(),
        "score": one.score,
        "before": [
            {"kind": each.kind, "text": unsigned(each.text), "at": each.at.isoformat()} for each in shown
        ],
    }
