"""Erasing a customer over the api: an admin's alone, and for good. Knows neither rows nor files."""

from __future__ import annotations

from aiohttp import web

from bot import erasure, views
from bot.api import errors, shapes_learning
from bot.api.callers import ADMINS
from bot.api.routing import Call, NoBody, NoQuery, Routes, answer
from bot.api.services import services
from bot.live import AGENTS
from bot.messages import Actor
from nlp.errors import NlpError

routes = Routes()


@routes.route(
    "DELETE",
    "/api/admin/customers/{id}",
    access=ADMINS,
    summary="Erase a customer and everything of theirs",
    responses={200: shapes_learning.Erasure},
    problems=(409,),
)
async def erase_customer(call: Call[NoBody, NoQuery]) -> web.StreamResponse:
    """Again for one who was erased: finishes what was broken off. 409 where a model version is damaged."""
    desk, customer_id = services(call.request), call.id()
    by = Actor(call.account.email, call.account.id)
    try:
        report = await erasure.erase(desk.db, desk.settings.data_dir, customer_id, by)
    except NlpError as error:
        raise errors.Conflict(f"{str(error).capitalize()}. Nothing was erased yet.") from None
    desk.live.publish(AGENTS, views.erased_event(customer_id))
    desk.new_intents.refresh_soon()
    desk.brains.refresh_soon()
    return answer(report)
