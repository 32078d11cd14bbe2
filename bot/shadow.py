"""A candidate in shadow: it drafts unseen beside the champion, and is measured by what agents then send.

It works on the side only: while nobody waits for the models, for a share of the messages, and with so little
waiting that a busy house simply leaves it out. Measured is what the gate looks at, too: the cosine of the
best of three drafts, and of the first one, to the sent text by the plain sentence encoder; 0 without a draft.
Here texts are compared as they were written, values and all; both sides alike.

What that can show, and what it can't. Agents see the champion's drafts. Where they take one, what was "really
sent" is the champion's own text, which no candidate can come nearer to; so the verdict is of moments in which
the agent wrote their own words, or changed at least half of a draft, and all moments are told beside it. But
those are the moments in which the champion had failed, which favours any other version a little. The truth
lies between the two; the verdict keeps a bad candidate from customers, and only the canary, whose
conversations are drawn by chance, says what agents make of it.

Knows the serving's second brain and rows; when a stage begins and ends is bot.stages' business.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from bot import evidence
from bot.casefile import Case
from bot.evidence import Compared, Pair
from bot.risk import sampled
from nlp.gains import Gain
from nlp.serving import NotLoaded, Overloaded, Serving
from nlp.types import Brain, Draft
from storage import shadow, stages
from storage.database import Database, Transaction
from storage.errors import NotFound
from storage.records import Stage
from storage.shadow import SHOWN, Moment, Nearness, Waiting

log = logging.getLogger(__name__)


class Shadow:
    """The work of a candidate in shadow, on one node."""

    def __init__(self, db: Database, serving: Serving) -> None:
        self._db, self._serving = db, serving
        self._drafting: set[asyncio.Task[None]] = set()

    async def close(self) -> None:
        """Drop what is being drafted."""
        for task in tuple(self._drafting):
            task.cancel()
        await asyncio.gather(*self._drafting, return_exceptions=True)

    def offer(self, stage: Stage, case: Case) -> None:
        """Let it draft for this message, some time, if the message is of its share. Nobody waits for it."""
        if sampled(case.message.id, stage.share) and self._serving.guest == stage.version:
            task = asyncio.create_task(self._draft(stage, case), name="shadow")
            self._drafting.add(task)
            task.add_done_callback(self._drafting.discard)

    async def _draft(self, stage: Stage, case: Case) -> None:
        def work(brain: Brain) -> tuple[list[Draft], float]:
            began = time.perf_counter()
            (analysis,) = brain.understand([case.message.text])
            (drafts,) = brain.suggest([case.request(analysis)])
            return drafts, (time.perf_counter() - began) * 1000.0

        try:
            drafts, spent = await self._serving.aside(work)
        except (NotLoaded, Overloaded):
            return  # the house is busy: this message is left out
        except Exception as error:  # models may raise anything
            log.warning("shadow: %s failed on a message: %s", stage.version, type(error).__name__)
            await self._db.write(lambda tx: stages.failed(tx, stage.id))
            return

        async def keep(tx: Transaction) -> None:
            await shadow.add(
                tx,
                stage_id=stage.id,
                message_id=case.message.id,
                conversation_id=case.conversation.id,
                drafts=[draft.text for draft in drafts],
                latency_ms=spent,
            )

        try:
            await self._db.write(keep)
        except NotFound:
            log.info("shadow: a message was erased while it was drafted for")

    async def measure(self, stage: Stage) -> None:
        """Measure the moments that agents have answered since."""
        while True:
            async with self._db.read() as tx:
                found = await shadow.waiting(tx, stage.id)
            for one in found:
                try:
                    near = await self._serving.aside(partial(nearness, one=one))
                except Exception as error:  # busy, or the models failed: the next look comes
                    log.info("shadow: a moment was not measured: %s", type(error).__name__)
                    return
                await self._db.write(partial(shadow.measured, one=one, nearness=near))
            if not found:
                return


def nearness(brain: Brain, one: Waiting) -> Nearness:
    """How near either's drafts came to what was sent; blocks."""
    texts = list(dict.fromkeys([one.sent, *one.candidate, *one.champion]))
    vectors = {text: reading.embedding for text, reading in zip(texts, brain.understand(texts), strict=True)}

    def best(drafts: Sequence[str]) -> float:
        # Cosines below 0 say no more than 0: nothing in common.
        return max((float(np.dot(vectors[text], vectors[one.sent])) for text in drafts), default=0.0)

    kinds = {"candidate": one.candidate, "champion": one.champion}
    found = {f"{kind}_best": best(drafts[:SHOWN]) for kind, drafts in kinds.items()}
    found |= {f"{kind}_first": best(drafts[:1]) for kind, drafts in kinds.items()}
    return Nearness(**{name: min(1.0, max(0.0, value)) for name, value in found.items()})


@dataclass(frozen=True, slots=True)
class Standing:
    """How a candidate stands in shadow."""

    drafted: int
    own: Compared
    """Best of three, where agents wrote their own words: the verdict is of these."""
    own_first: Compared
    every: Compared
    every_first: Compared
    course: Sequence[tuple[int, Gain]]
    """The gain of `own` as it stood after more and more moments."""


async def standing(db: Database, stage: Stage) -> Standing:
    """How a candidate stands, by all moments measured so far."""
    async with db.read() as tx:
        drafted, found = await shadow.drafted(tx, stage.id), await shadow.moments(tx, stage.id)
    return await asyncio.to_thread(_standing, drafted, found)


def _standing(drafted: int, found: Sequence[Moment]) -> Standing:
    own = [one for one in found if one.own]
    return Standing(
        drafted,
        evidence.compare(pairs(own)),
        evidence.compare(pairs(own, first=True)),
        evidence.compare(pairs(found)),
        evidence.compare(pairs(found, first=True)),
        evidence.course(pairs(own)),
    )


def pairs(moments: Sequence[Moment], *, first: bool = False) -> list[Pair]:
    """Moments as what is compared: the best of three, or the first drafts."""
    name = "first" if first else "best"
    return [
        Pair(
            str(one.conversation_id),
            getattr(one.nearness, f"champion_{name}"),
            getattr(one.nearness, f"candidate_{name}"),
        )
        for one in moments
    ]


async def look(db: Database, stage: Stage) -> Compared | None:
    """What a look shows, if one is due: the verdict by which the stage may end or go on."""
    async with db.read() as tx:
        own = pairs([one for one in await shadow.moments(tx, stage.id) if one.own])
    if not evidence.due(len(own), stage.looks):
        return None
    error = evidence.error_at(stage.looks)
    return await asyncio.to_thread(evidence.compare, own, error=error, rounds=evidence.ROUNDS)


async def broken(db: Database, stage: Stage) -> str:
    """Why its models fail too often; empty where they don't."""
    async with db.read() as tx:
        return evidence.too_broken(stage.errors, await shadow.drafted(tx, stage.id))
