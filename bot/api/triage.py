"""How a conversation stands: status, assignee, owner, priority and tags, changed by the support team.

Every change is one transaction, told to the open consoles, and answered with the conversation.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from aiohttp import web
from pydantic import Field

from bot import views
from bot.api import shapes
from bot.api.callers import WRITERS
from bot.api.routing import Body, Call, NoBody, NoQuery, Routes, Uuid, answer
from bot.api.services import Services, services
from storage import conversations
from storage.database import Transaction

routes = Routes()


class NewStatus(Body):
    """The status a conversation should have."""

    status: Literal["open", "pending", "snoozed", "resolved"]
    snoozed_until: Annotated[datetime, Field(strict=False)] | None = None


class NewAssignee(Body):
    """Who takes care of it; null for nobody."""

    account_id: Uuid | None


class NewPriority(Body):
    """How urgent it is."""

    priority: Literal["low", "normal", "high", "urgent"]


class NewTags(Body):
    """All tags of a conversation; what is left out is taken off."""

    tags: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=40, pattern=r"^[^\x00,]+$")]], Field(max_length=20)
    ]


Change = Callable[[Transaction, UUID], Awaitable[Any]]


async def _change(call: Call[Any, NoQuery], change: Change) -> web.StreamResponse:
    """Change the conversation of the path in one transaction, tell the consoles, answer with it."""
    desk, conversation_id = services(call.request), call.id()

    async def work(tx: Transaction) -> None:
        await conversations.conversation(tx, conversation_id)
        await change(tx, conversation_id)

    await desk.db.write(work)
    await desk.conversations.changed(conversation_id)
    return await _answer_with(desk, conversation_id)


async def _answer_with(desk: Services, conversation_id: UUID) -> web.StreamResponse:
    async with desk.db.read() as tx:
        found = await conversations.conversation(tx, conversation_id)
    return answer({"conversation": views.conversation(found)})


@routes.route(
    "POST",
    "/api/conversations/{id}/status",
    access=WRITERS,
    summary="Open, snooze or resolve",
    body=NewStatus,
    responses={200: shapes.Changed},
)
async def set_status(call: Call[NewStatus, NoQuery]) -> web.StreamResponse:
    """A new customer message opens a resolved or snoozed conversation again."""
    new = call.body
    return await _change(
        call,
        lambda tx, id: conversations.set_status(tx, id, new.status, snoozed_until=new.snoozed_until),
    )


@routes.route(
    "POST",
    "/api/conversations/{id}/assignee",
    access=WRITERS,
    summary="Assign to a colleague",
    body=NewAssignee,
    responses={200: shapes.Changed},
)
async def set_assignee(call: Call[NewAssignee, NoQuery]) -> web.StreamResponse:
    """404 for an account that there isn't."""
    return await _change(call, lambda tx, id: conversations.assign(tx, id, call.body.account_id))


@routes.route(
    "POST",
    "/api/conversations/{id}/takeover",
    access=WRITERS,
    summary="Take over from the bot",
    responses={200: shapes.Changed},
)
async def take_over(call: Call[NoBody, NoQuery]) -> web.StreamResponse:
    """From now on the bot is silent in this conversation."""
    desk = services(call.request)
    await desk.conversations.take_over(call.id(), call.account)
    return await _answer_with(desk, call.id())


@routes.route(
    "POST",
    "/api/conversations/{id}/handback",
    access=WRITERS,
    summary="Give back to the bot",
    responses={200: shapes.Changed},
)
async def hand_back(call: Call[NoBody, NoQuery]) -> web.StreamResponse:
    """The bot may speak in this conversation again, as far as the policy lets it."""
    return await _change(call, conversations.hand_back)


@routes.route(
    "POST",
    "/api/conversations/{id}/priority",
    access=WRITERS,
    summary="Set the priority",
    body=NewPriority,
    responses={200: shapes.Changed},
)
async def set_priority(call: Call[NewPriority, NoQuery]) -> web.StreamResponse:
    """Shown in the inbox."""
    return await _change(call, lambda tx, id: conversations.set_priority(tx, id, call.body.priority))


@routes.route(
    "POST",
    "/api/conversations/{id}/tags",
    access=WRITERS,
    summary="Set the tags",
    body=NewTags,
    responses={200: shapes.Changed},
)
async def set_tags(call: Call[NewTags, NoQuery]) -> web.StreamResponse:
    """All of them at once."""
    return await _change(call, lambda tx, id: conversations.set_tags(tx, id, tuple(call.body.tags)))
