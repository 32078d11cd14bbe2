"""What the shop has written down: help articles and prepared replies, read by agents, kept by admins.

Articles are what the models lean on; a change is indexed at once. Knows no retrieval.
"""

from __future__ import annotations

from typing import Annotated, Any

from aiohttp import web
from pydantic import Field

from bot.api import shapes, shapes_house
from bot.api.callers import ADMINS, READERS
from bot.api.routing import Body, Call, NoBody, NoQuery, Routes, SafeStr, answer
from bot.api.services import services
from bot.api.signin import note
from storage import knowledge
from storage.database import Transaction
from storage.records import CannedReply, HelpArticle

routes = Routes()

Slug = Annotated[str, Field(min_length=1, max_length=80, pattern=r"^[a-z0-9-]+$")]
Title = Annotated[SafeStr, Field(min_length=1, max_length=200)]


class Article(Body):
    """A help article."""

    slug: Slug
    title: Title
    body: Annotated[SafeStr, Field(min_length=1, max_length=20_000)]
    intent: Annotated[str, Field(max_length=60, pattern=r"^[a-z_]*$")] | None = None


class Canned(Body):
    """A prepared reply, inserted by its shortcut."""

    shortcut: Slug
    title: Title
    text: Annotated[SafeStr, Field(min_length=1, max_length=8000)]


@routes.route(
    "GET",
    "/api/canned",
    access=READERS,
    summary="Prepared replies",
    responses={200: shapes_house.CannedReplies},
)
async def list_canned(call: Call[NoBody, NoQuery]) -> web.StreamResponse:
    """All, by shortcut."""
    async with services(call.request).db.read() as tx:
        found = await knowledge.list_canned_replies(tx)
    return answer({"items": [_canned_view(reply) for reply in found]})


@routes.route(
    "POST",
    "/api/admin/canned",
    access=ADMINS,
    summary="Add a prepared reply",
    body=Canned,
    responses={201: shapes_house.CannedReply},
    problems=(409,),
)
async def add_canned(call: Call[Canned, NoQuery]) -> web.StreamResponse:
    """409 where the shortcut is taken."""

    async def work(tx: Transaction) -> CannedReply:
        made = await knowledge.create_canned_reply(tx, **call.body.model_dump())
        await note(tx, call.account, "canned_added", f"canned:{made.id}")
        return made

    return answer(_canned_view(await services(call.request).db.write(work)), status=201)


@routes.route(
    "PUT",
    "/api/admin/canned/{id}",
    access=ADMINS,
    summary="Rewrite a prepared reply",
    body=Canned,
    responses={200: shapes_house.CannedReply},
    problems=(409,),
)
async def change_canned(call: Call[Canned, NoQuery]) -> web.StreamResponse:
    """409 where the shortcut is taken."""
    reply_id = call.id()

    async def work(tx: Transaction) -> CannedReply:
        await note(tx, call.account, "canned_changed", f"canned:{reply_id}")
        return await knowledge.update_canned_reply(tx, reply_id, **call.body.model_dump())

    return answer(_canned_view(await services(call.request).db.write(work)))


@routes.route(
    "DELETE",
    "/api/admin/canned/{id}",
    access=ADMINS,
    summary="Remove a prepared reply",
    responses={200: shapes.Empty},
)
async def remove_canned(call: Call[NoBody, NoQuery]) -> web.StreamResponse:
    """Messages that were made of it stay."""
    reply_id = call.id()

    async def work(tx: Transaction) -> None:
        await knowledge.delete_canned_reply(tx, reply_id)
        await note(tx, call.account, "canned_removed", f"canned:{reply_id}")

    await services(call.request).db.write(work)
    return answer({})


@routes.route(
    "GET", "/api/articles", access=READERS, summary="Help articles", responses={200: shapes_house.Articles}
)
async def list_articles(call: Call[NoBody, NoQuery]) -> web.StreamResponse:
    """All, by slug."""
    async with services(call.request).db.read() as tx:
        found = await knowledge.list_articles(tx)
    return answer({"items": [article_view(article) for article in found]})


@routes.route(
    "POST",
    "/api/admin/articles",
    access=ADMINS,
    summary="Add a help article",
    body=Article,
    responses={201: shapes_house.Article},
    problems=(409,),
)
async def add_article(call: Call[Article, NoQuery]) -> web.StreamResponse:
    """409 where the slug is taken."""

    async def work(tx: Transaction) -> HelpArticle:
        made = await knowledge.create_article(tx, **call.body.model_dump())
        await note(tx, call.account, "article_added", f"article:{made.id}")
        return made

    made = await services(call.request).db.write(work)
    services(call.request).brains.refresh_soon()
    return answer(article_view(made), status=201)


@routes.route(
    "PUT",
    "/api/admin/articles/{id}",
    access=ADMINS,
    summary="Rewrite a help article",
    body=Article,
    responses={200: shapes_house.Article},
    problems=(409,),
)
async def change_article(call: Call[Article, NoQuery]) -> web.StreamResponse:
    """409 where the slug is taken."""
    article_id = call.id()

    async def work(tx: Transaction) -> HelpArticle:
        await note(tx, call.account, "article_changed", f"article:{article_id}")
        return await knowledge.update_article(tx, article_id, **call.body.model_dump())

    changed = await services(call.request).db.write(work)
    services(call.request).brains.refresh_soon()
    return answer(article_view(changed))


@routes.route(
    "DELETE",
    "/api/admin/articles/{id}",
    access=ADMINS,
    summary="Remove a help article",
    responses={200: shapes.Empty},
)
async def remove_article(call: Call[NoBody, NoQuery]) -> web.StreamResponse:
    """Its passages go with it."""
    article_id = call.id()

    async def work(tx: Transaction) -> None:
        await knowledge.delete_article(tx, article_id)
        await note(tx, call.account, "article_removed", f"article:{article_id}")

    await services(call.request).db.write(work)
    services(call.request).brains.refresh_soon()
    return answer({})


def _canned_view(reply: CannedReply) -> dict[str, Any]:
    return {"id": str(reply.id), "shortcut": reply.shortcut, "title": reply.title, "text": reply.text}


def article_view(article: HelpArticle) -> dict[str, Any]:
    """An article as agents and admins see it."""
    return {
        "id": str(article.id),
        "slug": article.slug,
        "title": article.title,
        "body": article.body,
        "intent": article.intent,
        "updated_at": article.updated_at.isoformat(),
    }
