"""Colleagues, and how far Deskhand goes by itself.

Every change is written to the audit log in the transaction that makes it.
"""

from __future__ import annotations

from typing import Literal

from aiohttp import web

from bot.api import automatic, shapes_house
from bot.api.callers import ADMINS, READERS
from bot.api.routing import Body, Call, NoBody, NoQuery, Routes, answer
from bot.api.services import services
from bot.casefile import MODE_KEY, TOLERATED_KEY
from storage import accounts, settings_store

routes = Routes()


class NewPolicy(Body):
    """How far Deskhand goes by itself."""

    mode: Literal["off", "draft", "automatic"]


@routes.route("GET", "/api/team", access=READERS, summary="Colleagues", responses={200: shapes_house.Team})
async def list_team(call: Call[NoBody, NoQuery]) -> web.StreamResponse:
    """Who a conversation can be assigned to."""
    async with services(call.request).db.read() as tx:
        found = await accounts.list_accounts(tx)
    people = [account for account in found if not account.disabled and account.role != "viewer"]
    return answer({"items": [{"id": str(who.id), "name": who.name, "role": who.role} for who in people]})


@routes.route(
    "GET",
    "/api/admin/policy",
    access=ADMINS,
    summary="The policy in force",
    responses={200: shapes_house.Policy},
)
async def read_policy(call: Call[NoBody, NoQuery]) -> web.StreamResponse:
    """The admin's choice, or the setting's default."""
    desk = services(call.request)
    async with desk.db.read() as tx:
        chosen = await settings_store.get_setting(tx, MODE_KEY)
    return answer({"mode": chosen or desk.settings.policy_mode})


@routes.route(
    "PUT",
    "/api/admin/policy",
    access=ADMINS,
    summary="Set the policy",
    body=NewPolicy,
    responses={200: shapes_house.Policy},
    problems=(409,),
)
async def set_policy(call: Call[NewPolicy, NoQuery]) -> web.StreamResponse:
    """In force from the next message on; 409 says what automatic replies still lack."""
    desk = services(call.request)
    async with desk.db.read() as tx:
        tolerated = await settings_store.get_setting(tx, TOLERATED_KEY)
    await automatic.choose(desk, call.account, call.body.mode, tolerated)
    return answer({"mode": call.body.mode})
