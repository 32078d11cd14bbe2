"""Drafts of articles: what many customers ask, agents answer, and no article says, proposed to an admin.

A search takes how resolved conversations opened, groups it (nlp.discovery), leaves out what an article
answers well, and drafts the others from what agents said in them (bot.article_text), both in a process of
their own. How far it is lies in a row of the settings, what it proposes in rows of its own. What an admin has
approved or dismissed is not proposed again: a group is known by the conversations it shares with a draft.
Customers who are not to be learned from take no part. Knows no route.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from typing import TYPE_CHECKING, Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from bot.article_text import OFTEN, PEOPLE, Question, Said, drafted
from bot.messages import Serving
from bot.new_intents import NewIntents, groups_of, stacked
from storage import article_drafts, knowledge, openings, settings_store
from storage.article_drafts import Proposal
from storage.database import Database, Transaction
from storage.errors import Conflict
from storage.learnable import SaidTurn, turns_of
from storage.records import ArticleDraft, HelpArticle, Opening

if TYPE_CHECKING:
    from nlp.discovery import Cluster

log = logging.getLogger(__name__)

SEARCH_KEY = "articles.search"
MOST_OPENINGS = 20_000
"""The newest resolved conversations that are looked at."""
MOST_GROUPS, MOST_EACH, MOST_OTHERS = 30, 60, 300
"""Groups that are drafted, conversations of each that are read, and others that they are compared with."""
AT_ONCE = 16
"""Replies that are read together; customers' messages come between."""
ANSWERED = 0.5
"""Mean cosine of a group's questions to the passage nearest to each, from which articles answer the group."""
KNOWN_AGAIN = 0.5
"""A group that holds this share of a decided draft's conversations is that draft's."""
SILENT = timedelta(minutes=10)
"""A search that has said nothing for longer has died with its process."""

Search = dict[str, Any]
Vectors = NDArray[np.float32]


class ArticleDrafts:
    """The search. One for each node."""

    def __init__(self, db: Database, serving: Serving, new_intents: NewIntents) -> None:
        self._db, self._serving, self._new_intents = db, serving, new_intents
        self._task: asyncio.Task[None] | None = None

    async def close(self) -> None:
        """End what runs; a search that is broken off says so."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def search(self) -> None:
        """Begin a search; raises Conflict while one runs or while the models are loading."""
        if not self._serving.ready:
            raise Conflict("the models are still loading; try again in a moment")
        began = await self._db.write(begin)
        self._task = asyncio.create_task(self._searched(began))

    async def _searched(self, began: Search) -> None:
        try:
            counts, found = await self._find(began)
        except asyncio.CancelledError:
            with suppress(Exception):
                await self._say(began, state="failed", error="The server was stopped. Please search again.")
            raise
        except Exception as error:  # whatever it is, the page must not wait for ever
            # The type only: messages of errors may quote a customer.
            log.warning("the search for articles failed: %s", type(error).__name__)
            said = "The search failed. The log says why; please search again."
            await self._say(began, state="failed", error=said)
        else:
            await self._say(began, found, state="done", **counts)

    async def _say(self, began: Search, found: Sequence[Proposal] | None = None, **news: Any) -> None:
        """Write down how far the search is; with what it has `found`, that too."""
        row = {**began, "said_at": datetime.now(UTC).isoformat(), **news}

        async def store(tx: Transaction) -> None:
            if found is not None:
                await article_drafts.propose(tx, found)
            await settings_store.put_setting(tx, SEARCH_KEY, row)

        await self._db.write(store)

    async def _find(self, began: Search) -> tuple[dict[str, int], list[Proposal]]:
        async with self._db.read() as tx:
            opened = await openings.openings(tx, limit=MOST_OPENINGS, resolved=True)
            articles = await knowledge.list_articles(tx)
            decided = await article_drafts.list_drafts(tx, "approved", "dismissed")
            public = [*(await knowledge.facts(tx)).values(), *await knowledge.products(tx)]
        await self._say(began, stage="Reading how conversations opened", done=0, of=len(opened))
        opened = [one for one in await self._new_intents.read(opened) if one.vector]
        counts = {"conversations": len(opened), "groups": 0, "answered": 0, "known": 0}
        if not opened:
            return counts, []
        pool = ProcessPoolExecutor(1, mp_context=get_context("spawn"))
        try:
            await self._say(began, stage="Finding what many ask", done=0, of=0)
            vectors = stacked([one.vector or b"" for one in opened])
            loop = asyncio.get_running_loop()
            texts, spans = [one.text for one in opened], [one.spans for one in opened]
            groups = await loop.run_in_executor(pool, groups_of, texts, spans, vectors, [])
            groups = [one for one in groups if len({_who(opened[row]) for row in one.rows}) >= PEOPLE]
            counts["groups"] = len(groups)
            shelf = await self._shelf(articles)
            left = []
            for group in groups:
                best = _best(vectors[list(group.rows)], shelf)
                if best is not None and best[0] >= ANSWERED:
                    counts["answered"] += 1
                elif _is_known({opened[row].conversation_id for row in group.rows}, decided):
                    counts["known"] += 1
                else:
                    left.append((group, best))
            said = await self._said(began, opened, [group for group, _ in left[:MOST_GROUPS]])
            work = [_task(opened, group, said) for group, _ in left[:MOST_GROUPS]]
            every = [_question(one) for one in opened]
            await self._say(began, stage="Drafting", done=0, of=0)
            made = await loop.run_in_executor(pool, drafted, work, every, public)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
        pairs = zip(left, made, strict=False)
        found = [_proposal(opened, group, best, text, said) for (group, best), text in pairs if text]
        return counts, found

    async def _shelf(self, articles: Sequence[HelpArticle]) -> tuple[list[str], Vectors]:
        """The passages of all articles as vectors, with the article's title beside each."""
        from nlp.retrieval import passages

        parts = [(one.title, part) for one in articles for part in passages(one.body)]
        async with self._serving.lease() as brain:
            read = [await brain.understand(f"{title}. {part}") for title, part in parts]
        return [title for title, _ in parts], stacked([one.embedding.tobytes() for one in read])

    async def _said(
        self, began: Search, opened: Sequence[Opening], groups: Sequence[Cluster]
    ) -> dict[UUID, Said]:
        """What people of ours said in the conversations of these groups, and in some others."""
        rows = [row for group in groups for row in group.rows[:MOST_EACH]]
        inside = {row for group in groups for row in group.rows}
        rows += [row for row in range(len(opened)) if row not in inside][:MOST_OTHERS]
        owners = {opened[row].conversation_id: _who(opened[row]) for row in rows}
        async with self._db.read() as tx:
            turns = await turns_of(tx, list(owners))
        texts = list(dict.fromkeys(text for said in turns.values() for text in _replies(said)))
        spans: dict[str, tuple[tuple[int, int], ...]] = {}
        for start in range(0, len(texts), AT_ONCE):
            await self._say(began, stage="Reading what agents said", done=start, of=len(texts))
            some = texts[start : start + AT_ONCE]
            async with self._serving.lease() as brain:
                read = await asyncio.gather(*(brain.understand(text) for text in some))
            for text, analysis in zip(some, read, strict=True):
                spans[text] = tuple((entity.start, entity.end) for entity in analysis.entities)
        return {
            one: Said(str(one), owner, tuple((text, spans[text]) for text in _replies(turns[one])))
            for one, owner in owners.items()
        }


def _replies(turns: Iterable[SaidTurn]) -> list[str]:
    return [turn.text for turn in turns if turn.role == "agent" and turn.origin != "automatic"]


def _who(one: Opening) -> str:
    return str(one.customer_id or one.conversation_id)


def _question(one: Opening) -> Question:
    return Question(_who(one), one.text, one.spans)


def _task(opened: Sequence[Opening], group: Cluster, said: dict[UUID, Said]) -> dict[str, Any]:
    inside = {opened[row].conversation_id for row in group.rows}
    return {
        "questions": [_question(opened[row]) for row in group.rows],
        "said": [said[one] for one in said if one in inside],
        "others": [said[one] for one in said if one not in inside],
        "fallback": group.name.replace("_", " ").capitalize(),
    }


def _proposal(
    opened: Sequence[Opening],
    group: Cluster,
    best: tuple[float, str] | None,
    text: tuple[str, str],
    said: dict[UUID, Said],
) -> Proposal:
    rows = [row for row in group.rows if opened[row].conversation_id in said]
    return Proposal(
        title=text[0][:300],
        body=text[1],
        conversations=tuple(dict.fromkeys(opened[row].conversation_id for row in rows)),
        customers=len({_who(opened[row]) for row in rows}),
        best_score=None if best is None else round(best[0], 3),
        best_title=None if best is None else best[1],
    )


def _best(questions: Vectors, shelf: tuple[list[str], Vectors]) -> tuple[float, str] | None:
    """The article that is nearest to these questions, and how near: the mean of their best cosines."""
    titles, passages = shelf
    if not titles:
        return None
    cosines = questions @ passages.T
    nearest = int(cosines.mean(axis=0).argmax())
    return float(cosines.max(axis=1).mean()), titles[nearest]


def _is_known(conversations: Collection[UUID], decided: Sequence[ArticleDraft]) -> bool:
    """Was this proposed before? An approved one whose article was removed since may come again."""
    for draft in decided:
        if draft.state == "approved" and draft.article_id is None:
            continue
        shared = sum(one in conversations for one in draft.conversations)
        if draft.conversations and shared / len(draft.conversations) >= KNOWN_AGAIN:
            return True
    return False


# The row of the latest search; each inside a transaction.


async def latest(tx: Transaction) -> Search | None:
    """The latest search, if there ever was one; one that died counts as failed."""
    found: Search | None = await settings_store.get_setting(tx, SEARCH_KEY)
    if found is None or found["state"] != "running":
        return found
    if datetime.now(UTC) - datetime.fromisoformat(found["said_at"]) > SILENT:
        return {**found, "state": "failed", "error": "The search did not end. Please search again."}
    return found


async def begin(tx: Transaction) -> Search:
    """Write down that a search begins; raises Conflict while another one runs."""
    before = await latest(tx)
    if before and before["state"] == "running":
        raise Conflict("a search is running already")
    now = datetime.now(UTC).isoformat()
    began: Search = {"state": "running", "started_at": now, "said_at": now, "often": OFTEN}
    await settings_store.put_setting(tx, SEARCH_KEY, began)
    return began
