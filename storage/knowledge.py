"""What the shop knows: help articles and canned replies. Knows no retrieval.

Shop facts and products (shop.py), past replies (past_replies.py) and embeddings (vectors.py) are
passed on here.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import Table, delete, func, select, update

from storage.errors import Conflict, NotFound
from storage.past_replies import replies_for_retrieval
from storage.records import CannedReply, HelpArticle
from storage.rows import build
from storage.schema import vectors
from storage.schema_admin import articles, canned_replies
from storage.shop import facts, products, put_facts, put_products
from storage.stamps import new_id, now
from storage.transaction import Transaction
from storage.vectors import drop_vectors, get_vectors, put_vectors

__all__ = [
    "article",
    "article_by_slug",
    "articles_stamp",
    "canned_reply",
    "create_article",
    "create_canned_reply",
    "delete_article",
    "delete_canned_reply",
    "drop_vectors",
    "facts",
    "get_vectors",
    "list_articles",
    "list_canned_replies",
    "products",
    "put_facts",
    "put_products",
    "put_vectors",
    "replies_for_retrieval",
    "update_article",
    "update_canned_reply",
]


async def create_article(
    tx: Transaction, *, slug: str, title: str, body: str, intent: str | None = None
) -> HelpArticle:
    """Make a help article; raises Conflict when the slug is taken."""
    row = _stamped(slug=slug, title=title, body=body, intent=intent)
    if not await tx.insert_new(articles, row):
        raise Conflict("there is an article with this slug already")
    return HelpArticle(**row)


async def article(tx: Transaction, article_id: UUID) -> HelpArticle:
    """The article; raises NotFound."""
    row = await tx.first(select(articles).where(articles.c.id == article_id))
    if row is None:
        raise NotFound("no such article")
    return build(HelpArticle, row, articles)


async def article_by_slug(tx: Transaction, slug: str) -> HelpArticle | None:
    """The article of this slug."""
    row = await tx.first(select(articles).where(articles.c.slug == slug))
    return None if row is None else build(HelpArticle, row, articles)


async def list_articles(tx: Transaction) -> list[HelpArticle]:
    """All articles by slug."""
    rows = await tx.all(select(articles).order_by(articles.c.slug))
    return [build(HelpArticle, row, articles) for row in rows]


async def articles_stamp(tx: Transaction) -> str:
    """A text that changes with every article that is made, changed or removed."""
    row = await tx.one(select(func.count().label("count"), func.max(articles.c.updated_at).label("latest")))
    return f"{row['count']} {row['latest']}"


async def update_article(
    tx: Transaction, article_id: UUID, *, slug: str, title: str, body: str, intent: str | None
) -> HelpArticle:
    """Rewrite an article; its embeddings go, they embed the old text. Raises NotFound, Conflict."""
    await _drop_embeddings(tx, article_id)
    await _update(tx, articles, article_id, slug=slug, title=title, body=body, intent=intent)
    return await article(tx, article_id)


async def delete_article(tx: Transaction, article_id: UUID) -> None:
    """Remove an article and its embeddings; raises NotFound."""
    await _drop_embeddings(tx, article_id)
    await _delete(tx, articles, article_id)


async def _drop_embeddings(tx: Transaction, article_id: UUID) -> None:
    await tx.execute(delete(vectors).where(vectors.c.kind == "article", vectors.c.ref_id == article_id))


async def create_canned_reply(tx: Transaction, *, shortcut: str, title: str, text: str) -> CannedReply:
    """Make a canned reply; raises Conflict when the shortcut is taken."""
    row = _stamped(shortcut=shortcut, title=title, text=text)
    if not await tx.insert_new(canned_replies, row):
        raise Conflict("there is a canned reply with this shortcut already")
    return CannedReply(**row)


async def canned_reply(tx: Transaction, reply_id: UUID) -> CannedReply:
    """The canned reply; raises NotFound."""
    row = await tx.first(select(canned_replies).where(canned_replies.c.id == reply_id))
    if row is None:
        raise NotFound("no such canned reply")
    return build(CannedReply, row, canned_replies)


async def list_canned_replies(tx: Transaction) -> list[CannedReply]:
    """All canned replies by shortcut."""
    rows = await tx.all(select(canned_replies).order_by(canned_replies.c.shortcut))
    return [build(CannedReply, row, canned_replies) for row in rows]


async def update_canned_reply(
    tx: Transaction, reply_id: UUID, *, shortcut: str, title: str, text: str
) -> CannedReply:
    """Rewrite a canned reply; raises NotFound, Conflict."""
    await _update(tx, canned_replies, reply_id, shortcut=shortcut, title=title, text=text)
    return await canned_reply(tx, reply_id)


async def delete_canned_reply(tx: Transaction, reply_id: UUID) -> None:
    """Remove a canned reply; raises NotFound."""
    await _delete(tx, canned_replies, reply_id)


def _stamped(**values: Any) -> dict[str, Any]:
    time = now()
    return {"id": new_id(), "created_at": time, "updated_at": time, **values}


async def _update(tx: Transaction, table: Table, row_id: UUID, **values: Any) -> None:
    changed = update(table).where(table.c.id == row_id).values(updated_at=now(), **values)
    if not await tx.changed(changed):
        raise NotFound("nothing by this id")


async def _delete(tx: Transaction, table: Table, row_id: UUID) -> None:
    if not await tx.changed(delete(table).where(table.c.id == row_id)):
        raise NotFound("nothing by this id")
