"""New intents for admins: search the log for them, name what was found, remove a name.

Every change is written to the audit log in the transaction that makes it. Knows no clustering.
"""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from aiohttp import web
from pydantic import Field

from bot import new_intents
from bot.api import errors, shapes, shapes_intents
from bot.api.callers import ADMINS
from bot.api.routing import Body, Call, NoBody, NoQuery, Routes, SafeStr, answer
from bot.api.services import services
from bot.api.signin import note
from nlp.types import OUT_OF_SCOPE
from storage import named_intents
from storage.database import Transaction
from storage.errors import Conflict
from storage.messages import texts_of
from storage.records import NamedIntent

routes = Routes()

SHOWN = 5
"""Examples of a named intent that are shown; all are used."""


class Named(Body):
    """A name for a group of the latest search; one that is there already takes the messages in."""

    started_at: Annotated[SafeStr, Field(min_length=1, max_length=40)]
    group: Annotated[SafeStr, Field(min_length=1, max_length=10)]
    name: Annotated[str, Field(min_length=2, max_length=60, pattern=r"^[a-z][a-z0-9_]*$")]


@routes.route(
    "GET",
    "/api/admin/intents",
    access=ADMINS,
    summary="Named intents, and the latest search for new ones",
    responses={200: shapes_intents.Intents},
)
async def list_intents(call: Call[NoBody, NoQuery]) -> web.StreamResponse:
    """Groups whose messages have all been erased are left out."""
    async with services(call.request).db.read() as tx:
        found = await new_intents.latest(tx)
        named = await named_intents.list_named_intents(tx)
        groups = found["groups"] if found else []
        texts = await texts_of(tx, [UUID(one) for group in groups for one in group["examples"]])
    views = [_group_view(group, texts) for group in groups]
    return answer(
        {
            "search": _search_view(found) if found else None,
            "groups": [view for view in views if view["examples"]],
            "named": [_named_view(one) for one in named],
        }
    )


@routes.route(
    "POST",
    "/api/admin/intent-searches",
    access=ADMINS,
    summary="Search the log for new intents",
    responses={202: shapes.Empty},
    problems=(409,),
)
async def search_intents(call: Call[NoBody, NoQuery]) -> web.StreamResponse:
    """Runs in the background; 409 while one runs or while the models are loading."""
    try:
        await services(call.request).new_intents.search()
    except Conflict as error:
        raise errors.Conflict(f"{str(error).capitalize()}.") from None
    return answer({}, status=202)


@routes.route(
    "POST",
    "/api/admin/intents",
    access=ADMINS,
    summary="Name a group that was found",
    body=Named,
    responses={201: shapes_intents.NamedIntent},
    problems=(404,),
)
async def name_intent(call: Call[Named, NoQuery]) -> web.StreamResponse:
    """New messages are read with it from now on; 404 where the group was named or searched again."""
    given, desk = call.body, services(call.request)
    if given.name == OUT_OF_SCOPE:
        raise errors.Invalid("This name stands for messages without an intent. Please choose another.")

    async def work(tx: Transaction) -> NamedIntent:
        made = await new_intents.accept(tx, given.started_at, given.group, given.name)
        await note(tx, call.account, "intent_named", f"intent:{made.id}", name=made.name)
        return made

    made = await desk.db.write(work)
    desk.new_intents.refresh_soon()
    return answer(_named_view(made), status=201)


@routes.route(
    "DELETE",
    "/api/admin/intents/{id}",
    access=ADMINS,
    summary="Remove a named intent",
    responses={200: shapes.Empty},
)
async def remove_intent(call: Call[NoBody, NoQuery]) -> web.StreamResponse:
    """Its messages stay, and the next search finds them again."""
    intent_id, desk = call.id(), services(call.request)

    async def work(tx: Transaction) -> None:
        gone = await named_intents.named_intent(tx, intent_id)
        await named_intents.delete_named_intent(tx, intent_id)
        await note(tx, call.account, "intent_removed", f"intent:{intent_id}", name=gone.name)

    await desk.db.write(work)
    desk.new_intents.refresh_soon()
    return answer({})


def _search_view(found: new_intents.Search) -> dict[str, Any]:
    names = ("state", "started_at", "finished_at", "conversations", "unsure", "grouped", "error")
    return {name: found.get(name) for name in names}


def _group_view(group: dict[str, Any], texts: dict[UUID, str]) -> dict[str, Any]:
    plain = {name: group[name] for name in ("key", "name", "size", "cohesion", "keywords")}
    said = [texts[UUID(one)] for one in group["examples"] if UUID(one) in texts]
    return {**plain, "examples": said}


def _named_view(one: NamedIntent) -> dict[str, Any]:
    return {
        "id": str(one.id),
        "name": one.name,
        "count": len(one.examples),
        "examples": [text for _, text in one.examples[:SHOWN]],
        "updated_at": one.updated_at.isoformat(),
    }
