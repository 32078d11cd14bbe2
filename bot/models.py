"""Which model version is served, and what it may lean on: facts, products, articles, past replies.

Knows how rows of storage become the retrieval memory; nothing of how the models work.
"""

from __future__ import annotations

import asyncio
import filecmp
import importlib
import json
from collections.abc import Callable
from pathlib import Path

from bot import demo_shop
from bot.settings import Settings
from nlp.manner import LENGTHS, TONES, Manner
from nlp.registry import STARTER_FOLDER, Registry, Version
from nlp.types import Brain, KnowledgeItem, Turn
from storage import knowledge
from storage.database import Database
from storage.records import ReplyPair

LoadBrain = Callable[[], Brain]

INDEX, INDEX_BESIDE = "index", "index-beside"
"""Folders of the index cache: of the version that serves, and of one that is loaded beside it."""

AT_FIRST = 600
"""Articles and past replies that are read before suggestions begin, a quarter to a whole minute's work by the
processor; the others follow while customers are served."""
_PAGE = 500


def chosen_version(settings: Settings, name: str | None = None) -> Version:
    """The verified version `name`, or that of the settings, or the current one; blocks.

    Raises RegistryError.
    """
    registry = Registry(settings.data_dir / "models")
    chosen = name or settings.model
    return registry.get(chosen) if chosen else registry.current()


async def shipped_loader(
    db: Database,
    settings: Settings,
    *,
    demo: bool = False,
    name: str | None = None,
    cache: Path | None = None,
) -> LoadBrain:
    """The loader of version `name`, or of the chosen one, with the shop's knowledge as it is now.

    `cache` is the folder of its index, where it isn't the one of the version that serves.
    """
    # It takes seconds to import: meanwhile storage is read, and pages are served.
    libraries = asyncio.create_task(asyncio.to_thread(importlib.import_module, "nlp.pipeline"))
    items = [*await _articles(db), *await _replies(db)]
    async with db.read() as tx:
        facts, products = await knowledge.facts(tx), await knowledge.products(tx)

    def load() -> Brain:
        version = chosen_version(settings, name)
        from nlp.memory import Knowledge
        from nlp.pipeline import Pipeline

        brought = Knowledge(facts, products, items)
        return Pipeline.load(
            version,
            brought,
            cache=cache or settings.data_dir / INDEX,
            device=settings.device,
            manner=manner(settings),
            shop=demo_shop.FOLDER if demo and chooses_for_any_shop(version) else None,
            at_first=AT_FIRST,
        )

    await libraries
    return load


def known_intents(settings: Settings) -> list[str]:
    """The intents that the version to serve can tell apart; blocks. Raises RegistryError."""
    config = json.loads((chosen_version(settings).heads / "config.json").read_text(encoding="utf-8"))
    labels: list[str] = config["intents"]["labels"]
    return labels


def chooses_for_any_shop(version: Version) -> bool:
    """Does a version find and rank replies as the starter does, made for a shop that it does not know?

    So does one that only reads messages otherwise. For the demo shop there are a matcher and a score that
    its conversations taught and verdicts on them fitted, as long as the version has not learned its own.
    """
    from nlp.ranking import FILE

    known, own = STARTER_FOLDER / "reply" / FILE, version.reply / FILE
    return own.exists() and filecmp.cmp(own, known, shallow=False)  # what lacks one is told by who loads it


def manner(settings: Settings) -> Manner:
    """How replies are said, by the settings."""
    length = next(one for one in LENGTHS if one == settings.reply_length)
    tone = next(one for one in TONES if one == settings.reply_tone)
    return Manner(length, tone, settings.apologise == "yes")


async def _articles(db: Database) -> list[KnowledgeItem]:
    async with db.read() as tx:
        found = await knowledge.list_articles(tx)
    return [
        KnowledgeItem("article", str(article.id), article.title, article.body, intent=article.intent or "")
        for article in found
    ]


async def _replies(db: Database) -> list[KnowledgeItem]:
    items: list[KnowledgeItem] = []
    after = None
    while True:
        async with db.read() as tx:
            page = await knowledge.replies_for_retrieval(tx, after=after, limit=_PAGE)
        # A reply to nothing, such as a second one in a row, can't be found by what was asked.
        items += [_reply(pair) for pair in page if pair.turns]
        if len(page) < _PAGE:
            return items
        after = page[-1].message_id


def _reply(pair: ReplyPair) -> KnowledgeItem:
    turns = tuple(Turn("customer" if role == "customer" else "agent", text) for role, text in pair.turns)
    return KnowledgeItem("reply", str(pair.message_id), "", pair.reply, turns, pair.intent or "")
