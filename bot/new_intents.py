"""New intents: what customers ask for that the models don't know, found in the log, named by an admin.

A search takes how conversations opened, keeps what the intent head is unsure of, groups it
(nlp.discovery, in a process of its own: it would hold the event loop up), and leaves its groups in a row
of the settings, as ids of messages. A named group becomes examples, and from then on readings use them
(nlp.named); a node that did not hear of it looks every half minute. Knows no route and no page.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from multiprocessing import get_context
from typing import TYPE_CHECKING, Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from bot.casefile import analysis_record
from bot.messages import Serving
from bot.models import LoadBrain
from nlp.types import OUT_OF_SCOPE, Analysis, Intent
from storage import analyses, named_intents, openings, settings_store
from storage.database import Database, Transaction
from storage.errors import Conflict, NotFound
from storage.messages import texts_of
from storage.records import NamedIntent, Opening

if TYPE_CHECKING:
    from nlp.discovery import Cluster
    from nlp.named import NamedIntents

log = logging.getLogger(__name__)

SEARCH_KEY = "new_intents.search"
MOST_OPENINGS = 20_000
"""The newest conversations that are looked at."""
AT_ONCE = 16
"""Messages that are read together where they never were; customers' own come between them."""
MOST_GROUPS, MOST_EXAMPLES = 60, 50
"""Groups that are kept of a search, and messages of each: its most central ones."""
CONTRAST = 2_000
"""Newest openings among which readings find what a named intent is not."""
GIVEN_UP = timedelta(minutes=30)
"""A search that was begun longer ago has died with its process."""

Search = dict[str, Any]
Vectors = NDArray[np.float32]


class NewIntents:
    """The search, and what readings know of the named intents. One for each node."""

    def __init__(self, db: Database, serving: Serving) -> None:
        self._db, self._serving = db, serving
        self._named: NamedIntents | None = None
        self._learned: object = None
        self._learning = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()

    async def close(self) -> None:
        """End what runs; a search that is broken off says so."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # Readings.

    async def reading(self, load: LoadBrain) -> LoadBrain:
        """The loader of a brain that reads with the named intents of each moment."""
        named = self._named = await asyncio.to_thread(_nothing_named)
        self._learned = None
        await self.refresh()
        return lambda: named.around(load())

    def reading_too(self, load: LoadBrain) -> LoadBrain:
        """The loader of a second brain that reads with the same named intents."""
        named = self._named
        return load if named is None else lambda: named.around(load())

    async def refresh(self) -> None:
        """Learn the named intents again where they have changed."""
        if self._named is None:
            return  # the models are still loading; they bring it
        async with self._learning:
            async with self._db.read() as tx:
                examples = await named_intents.example_vectors(tx)
            now = [(name, message_id) for name, message_id, _ in examples]
            if now == self._learned or (not now and self._learned is None):
                return
            async with self._db.read() as tx:
                others = await openings.openings(tx, limit=CONTRAST) if examples else []
            names, vectors = [name for name, _, _ in examples], stacked([v for _, _, v in examples])
            log_of = stacked([one.vector for one in others if one.vector is not None])
            await asyncio.to_thread(self._named.learn, names, vectors, log_of)
            self._learned = now

    def refresh_soon(self) -> None:
        """Learn in the background, after an admin's change."""
        self._run(self.refresh())

    # The search.

    async def search(self) -> None:
        """Begin a search; raises Conflict while one runs or while the models are loading."""
        if not self._serving.ready:
            raise Conflict("the models are still loading; try again in a moment")
        began = await self._db.write(begin)
        self._run(self._searched(began))

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _searched(self, began: Search) -> None:
        try:
            found = await self._find()
        except asyncio.CancelledError:
            with suppress(Exception):
                await self._end(began, state="failed", error="The server was stopped. Please search again.")
            raise
        except Exception as error:  # whatever it is, the page must not wait for ever
            # The type only: messages of errors may quote a customer.
            log.warning("the search for new intents failed: %s", type(error).__name__)
            await self._end(
                began, state="failed", error="The search failed. The log says why; please search again."
            )
        else:
            await self._end(began, state="done", **found)

    async def _end(self, began: Search, **outcome: Any) -> None:
        ended = {**began, "finished_at": datetime.now(UTC).isoformat(), **outcome}

        async def store(tx: Transaction) -> None:
            await settings_store.put_setting(tx, SEARCH_KEY, ended)
            await forget_erased(tx)

        await self._db.write(store)

    async def _find(self) -> Search:
        async with self._db.read() as tx:
            opened = await openings.openings(tx, limit=MOST_OPENINGS)
            known = {message_id for _, message_id, _ in await named_intents.example_vectors(tx)}
            taken = [one.name for one in await named_intents.list_named_intents(tx)]
        read = await self.read([one for one in opened if one.message_id not in known])
        unsure = await asyncio.to_thread(self._unsure, read)
        texts = [one.text for one in unsure]
        vectors = stacked([one.vector or b"" for one in unsure])
        pool = ProcessPoolExecutor(1, mp_context=get_context("spawn"))
        try:
            groups = await asyncio.get_running_loop().run_in_executor(
                pool, groups_of, texts, [one.spans for one in unsure], vectors, taken
            )
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
        ids = [one.message_id for one in unsure]
        return {
            "conversations": len(opened),
            "unsure": len(unsure),
            "grouped": sum(len(group.rows) for group in groups),
            "groups": [_kept(number, group, ids) for number, group in enumerate(groups[:MOST_GROUPS])],
        }

    def _unsure(self, read: Sequence[Opening]) -> list[Opening]:
        """What neither the head nor the examples know."""
        unsure = [
            one
            for one in read
            if one.vector and Intent(one.intent or OUT_OF_SCOPE, one.intent_score or 0.0).unsure()
        ]
        if self._named is None or not unsure:
            return unsure
        names = self._named.names(stacked([one.vector or b"" for one in unsure]))
        return [one for one, name in zip(unsure, names, strict=True) if name == OUT_OF_SCOPE]

    async def read(self, opened: Sequence[Opening]) -> list[Opening]:
        """The openings with a reading each; what was imported is read now, and stored."""
        fresh = [one for one in opened if one.vector is None or one.intent is None]
        read = {one.message_id: one for one in opened}
        for start in range(0, len(fresh), AT_ONCE):
            some = fresh[start : start + AT_ONCE]
            async with self._serving.lease() as brain:
                found = await asyncio.gather(*(brain.understand(one.text) for one in some))
                version = brain.version
            pairs = list(zip(some, found, strict=True))
            await self._db.write(partial(_store, version=version, read=pairs))
            read |= {one.message_id: _now_read(one, analysis) for one, analysis in pairs}
        return list(read.values())


def groups_of(
    texts: Sequence[str],
    spans: Sequence[Sequence[tuple[int, int]]],
    vectors: Vectors,
    taken: Sequence[str],
) -> list[Cluster]:
    """The groups, named without what recognisers have found; runs in a process of its own."""
    from nlp.discovery import described, grouped, without

    words = [without(text, where) for text, where in zip(texts, spans, strict=True)]
    return described(texts, vectors, grouped(texts, vectors), words=words, taken=taken)


def _nothing_named() -> NamedIntents:
    from nlp.named import NamedIntents

    return NamedIntents()


def stacked(vectors: Sequence[bytes]) -> Vectors:
    if not vectors:
        return np.zeros((0, 0), dtype=np.float32)
    return np.stack([np.frombuffer(one, dtype=np.float32) for one in vectors])


async def _store(tx: Transaction, *, version: str, read: Sequence[tuple[Opening, Analysis]]) -> None:
    for one, analysis in read:
        with suppress(NotFound):  # erased meanwhile
            await analyses.save_analysis(
                tx,
                analysis_record(one.message_id, version, analysis, 0.0),
                embedding=analysis.embedding.tobytes(),
            )


def _now_read(one: Opening, analysis: Analysis) -> Opening:
    return replace(
        one,
        intent=analysis.intent.name,
        intent_score=analysis.intent.score,
        spans=tuple((entity.start, entity.end) for entity in analysis.entities),
        vector=analysis.embedding.tobytes(),
    )


def _kept(number: int, group: Cluster, ids: Sequence[UUID]) -> Search:
    return {
        "key": str(number),
        "name": group.name,
        "size": len(group.rows),
        "cohesion": round(group.cohesion, 3),
        "keywords": list(group.keywords),
        "examples": [str(ids[row]) for row in group.examples],
        "messages": [str(ids[row]) for row in group.rows[:MOST_EXAMPLES]],
    }


async def forget_erased(tx: Transaction) -> None:
    """Take messages that are gone out of the latest search, and groups whose name or keywords they gave."""
    found: Search | None = await settings_store.get_setting(tx, SEARCH_KEY)
    if not found or not found["groups"]:
        return
    texts = await texts_of(tx, [UUID(one) for group in found["groups"] for one in _members(group)])
    groups = [left for group in found["groups"] if (left := _left_of(group, texts))]
    if groups != found["groups"]:
        await settings_store.put_setting(tx, SEARCH_KEY, {**found, "groups": groups})


def _members(group: Search) -> list[str]:
    return [*group["examples"], *group["messages"]]


def _left_of(group: Search, texts: Mapping[UUID, str]) -> Search | None:
    """The group without messages that are gone; None where nobody else has used its words."""
    gone = {one for one in _members(group) if UUID(one) not in texts}
    if not gone:
        return group
    said = " ".join(texts[UUID(one)].lower() for one in _members(group) if one not in gone)
    words = " ".join((group["name"].replace("_", " "), *group["keywords"])).lower().split()
    if not all(word in said for word in words):
        return None
    kept = {key: [one for one in group[key] if one not in gone] for key in ("examples", "messages")}
    return {**group, **kept, "size": group["size"] - len(gone)}


# The row of the latest search, and naming what it found; each inside a transaction.


async def latest(tx: Transaction) -> Search | None:
    """The latest search, if there ever was one; one that died counts as failed."""
    found: Search | None = await settings_store.get_setting(tx, SEARCH_KEY)
    if found is None or found["state"] != "running":
        return found
    if datetime.now(UTC) - datetime.fromisoformat(found["started_at"]) > GIVEN_UP:
        return {**found, "state": "failed", "error": "The search did not end. Please search again."}
    return found


async def begin(tx: Transaction) -> Search:
    """Write down that a search begins; raises Conflict while another one runs."""
    before = await latest(tx)
    if before and before["state"] == "running":
        raise Conflict("a search is running already")
    began: Search = {"state": "running", "started_at": datetime.now(UTC).isoformat(), "groups": []}
    await settings_store.put_setting(tx, SEARCH_KEY, began)
    return began


async def accept(tx: Transaction, started_at: str, key: str, name: str) -> NamedIntent:
    """Name a group of the search that began at `started_at`; raises NotFound where it isn't there."""
    search = await latest(tx)
    if search is None or search["started_at"] != started_at:
        raise NotFound("there has been another search since")
    group = next((one for one in search["groups"] if one["key"] == key), None)
    if group is None:
        raise NotFound("this group was named already")
    made = await named_intents.name_messages(tx, name, [UUID(one) for one in group["messages"]])
    left = [one for one in search["groups"] if one["key"] != key]
    await settings_store.put_setting(tx, SEARCH_KEY, {**search, "groups": left})
    return made
