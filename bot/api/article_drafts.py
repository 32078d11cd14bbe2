"""Drafts of articles for admins: search resolved conversations for them, approve with changes, or dismiss.

Every decision is written to the audit log in the transaction that makes it. Knows no drafting.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Any

from aiohttp import web

from bot import article_drafts
from bot.api import errors, shapes, shapes_articles, shapes_house
from bot.api.callers import ADMINS
from bot.api.library import Article, article_view
from bot.api.routing import Call, NoBody, NoQuery, Routes, answer
from bot.api.services import services
from bot.api.signin import note
from storage import article_drafts as stored
from storage import knowledge
from storage.database import Transaction
from storage.errors import Conflict
from storage.records import ArticleDraft, HelpArticle

routes = Routes()

_DECIDED = "Somebody has decided on this draft already."
_SEARCH = ("state", "started_at", "said_at", "stage", "done", "of")
_COUNTS = ("conversations", "groups", "answered", "known", "error")


@routes.route(
    "GET",
    "/api/admin/article-drafts",
    access=ADMINS,
    summary="Drafts of articles, and the latest search for them",
    responses={200: shapes_articles.ArticleDrafts},
)
async def list_article_drafts(call: Call[NoBody, NoQuery]) -> web.StreamResponse:
    """Those that nobody has decided on."""
    async with services(call.request).db.read() as tx:
        search = await article_drafts.latest(tx)
        found = await stored.list_drafts(tx, "proposed")
    said = None if search is None else {name: search.get(name) for name in (*_SEARCH, *_COUNTS)}
    return answer({"search": said, "items": [_view(draft) for draft in found]})


@routes.route(
    "POST",
    "/api/admin/article-searches",
    access=ADMINS,
    summary="Search resolved conversations for articles",
    responses={202: shapes.Empty},
    problems=(409,),
)
async def search_articles(call: Call[NoBody, NoQuery]) -> web.StreamResponse:
    """Runs in the background, in the place of what was proposed before; 409 while one runs."""
    try:
        await services(call.request).article_drafts.search()
    except Conflict as error:
        raise errors.Conflict(f"{str(error).capitalize()}.") from None
    return answer({}, status=202)


@routes.route(
    "POST",
    "/api/admin/article-drafts/{id}/approve",
    access=ADMINS,
    summary="Publish a draft as an article",
    body=Article,
    responses={201: shapes_house.Article},
    problems=(409,),
)
async def approve_draft(call: Call[Article, NoQuery]) -> web.StreamResponse:
    """With the text that the admin made of it; suggestions lean on it as soon as it is indexed."""
    desk, draft_id = services(call.request), call.id()

    async def work(tx: Transaction) -> HelpArticle:
        if await knowledge.article_by_slug(tx, call.body.slug) is not None:
            raise errors.Conflict("There is an article with this address already. Choose another one.")
        made = await knowledge.create_article(tx, **call.body.model_dump())
        await stored.decide(tx, draft_id, "approved", by=call.account.id, article_id=made.id)
        await note(tx, call.account, "article_approved", f"article:{made.id}", slug=made.slug)
        return made

    try:
        made = await desk.db.write(work)
    except Conflict:
        raise errors.Conflict(_DECIDED) from None
    desk.brains.refresh_soon()
    return answer(article_view(made), status=201)


@routes.route(
    "POST",
    "/api/admin/article-drafts/{id}/dismiss",
    access=ADMINS,
    summary="Dismiss a draft for good",
    responses={200: shapes.Empty},
    problems=(409,),
)
async def dismiss_draft(call: Call[NoBody, NoQuery]) -> web.StreamResponse:
    """What it was about is not proposed again."""
    draft_id = call.id()

    async def work(tx: Transaction) -> None:
        await stored.decide(tx, draft_id, "dismissed", by=call.account.id)
        await note(tx, call.account, "article_dismissed", f"article_draft:{draft_id}")

    try:
        await services(call.request).db.write(work)
    except Conflict:
        raise errors.Conflict(_DECIDED) from None
    return answer({})


def _view(draft: ArticleDraft) -> dict[str, Any]:
    return {
        "id": str(draft.id),
        "title": draft.title,
        "slug": slug_of(draft.title),
        "body": draft.body,
        "conversations": [str(one) for one in draft.conversations],
        "customers": draft.customers,
        "best_score": draft.best_score,
        "best_title": draft.best_title,
    }


def slug_of(title: str) -> str:
    """A name for an address, made of a title."""
    bare = unicodedata.normalize("NFKD", title.casefold()).encode("ascii", "ignore").decode()
    return "-".join(re.findall("[a-z0-9]+", bare))[:80].strip("-") or "article"
