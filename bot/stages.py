"""What a candidate goes through between the gate and promotion: which stage runs, and what comes of it.

A stage is a row, so that every node and every restart goes on with it: each loads the candidate beside the
version that serves, within half a minute of the row, as with a promotion. A candidate that can't be loaded,
that must forget somebody, or whose champion no longer serves, ends its stage with the reason, and the
champion serves on. Knows rows, serving and the order of things; what is drafted and measured is
bot.shadow's and bot.canary's business.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Literal

from bot import canary, shadow
from bot.brains import Brains
from bot.casefile import Case
from bot.messages import Actor, Lease
from bot.promotion import Promotion
from bot.schedule import SCHEDULE_KEY, Schedule
from bot.settings import Settings
from bot.shadow import Shadow
from nlp.errors import NlpError
from nlp.registry import Registry
from nlp.serving import NotLoaded, Overloaded, Serving
from storage import audit, model_versions, settings_store, stages
from storage.database import Database, Transaction
from storage.errors import Conflict, NotFound, StorageError
from storage.records import Stage, StageKind, StageState, WorkItem

log = logging.getLogger(__name__)

LOOK_SECONDS = 30.0
"""Between two looks at the row, unless something happens."""
BY_ITSELF = Actor("Deskhand")

Outcome = Literal["passed", "returned", "stopped"]


class Stages:
    """The stage that runs, on one node. One for each node that serves."""

    def __init__(
        self, db: Database, settings: Settings, serving: Serving, brains: Brains, promotion: Promotion
    ) -> None:
        self._db, self._settings, self._serving = db, settings, serving
        self._brains, self._promotion = brains, promotion
        self._registry = Registry(settings.data_dir / "models")
        self._shadow = Shadow(db, serving)
        self._now: Stage | None = None
        self._one = asyncio.Lock()
        self._stirred = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to look at the row."""
        self._task = asyncio.create_task(self._run(), name="stages")

    async def close(self) -> None:
        """Stop looking, and drop what the candidate is drafting unseen."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._shadow.close()

    # What the spine asks.

    @asynccontextmanager
    async def lease(self, item: WorkItem) -> AsyncIterator[Lease]:
        """The version for one message: in a canary's conversations its own, unless it has failed on this."""
        stage = self._now
        ours = stage is not None and stage.kind == "canary" and self._serving.guest == stage.version
        if not ours or stage is None or item.attempts > 1 or not canary.serves(stage, item.conversation_id):
            async with self._serving.lease() as brain:
                yield brain
            return
        try:
            async with self._serving.lease_guest() as brain:
                yield brain
        except (StorageError, NotLoaded, Overloaded):
            raise
        except Exception:  # models may raise anything; the next try is the champion's
            await self._db.write(lambda tx: stages.failed(tx, stage.id))
            raise

    def drafted(self, case: Case) -> None:
        """The champion has done its work on a message: a candidate in shadow may try itself on it."""
        if self._now is not None and self._now.kind == "shadow":
            self._shadow.offer(self._now, case)

    def stir(self) -> None:
        """An agent has answered: there may be something to measure."""
        if self._now is not None:
            self._stirred.set()

    # What admins and the schedule ask.

    def megabytes(self, version: str) -> float | None:
        """How large a version's models are on disk, about what a second one costs in memory; blocks."""
        return megabytes(self._registry, version)

    async def begin(self, kind: StageKind, version: str, by: Actor, share: float | None = None) -> Stage:
        """Begin a stage; raises Conflict, saying why not. A shadow passes on to the canary of its version."""
        async with self._one:
            champion = self._serving.version
            if champion is None:
                raise Conflict("the models are still loading; try again in a moment")
            async with self._db.read() as tx:
                _check_free(await stages.running(tx), kind, version)
            try:
                name = (await asyncio.to_thread(self._registry.promotable, version)).name
                if name in (champion, await asyncio.to_thread(self._registry.current_name)):
                    raise Conflict(f"{version} serves already")
                await self._brains.seat(version)
            except (NlpError, OSError) as error:
                raise Conflict(str(error)) from None
            percent = {"shadow": self._settings.shadow_percent, "canary": self._settings.canary_percent}[kind]
            given = percent / 100 if share is None else share

            async def work(tx: Transaction) -> Stage:
                before = await stages.running(tx)
                _check_free(before, kind, version)
                if before is not None:
                    await stages.end(tx, before.id, "passed", "it went on to the canary")
                    await _note(tx, by, "model_shadow_passed_on", version)
                await model_versions.see(tx, version)
                begun = await stages.begin(
                    tx,
                    kind=kind,
                    version=version,
                    champion=champion,
                    share=given,
                    requested_by=by.account_id,
                )
                await _note(tx, by, f"model_{kind}_begun", version, percent=round(given * 100, 1))
                return begun

            self._now = await self._db.write(work)
            return self._now

    async def stop(self, by: Actor) -> Stage:
        """End the stage that runs; raises Conflict where none does."""
        async with self._db.read() as tx:
            stage = await stages.running(tx)
        if stage is None or not await self._end(stage, "stopped", f"stopped by {by.name}", by):
            raise Conflict("no candidate is in shadow or a canary")
        await self.follow()
        return stage

    # What happens by itself.

    async def _run(self) -> None:
        while True:
            self._stirred.clear()
            try:
                await self.tick()
            except Exception as error:  # the next look comes, whatever this one met
                log.warning("stages: a look failed: %s", type(error).__name__)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stirred.wait(), LOOK_SECONDS)

    async def tick(self) -> None:
        """Follow the row, measure what can be, and act where the figures say so."""
        await self.follow()
        stage = self._now
        if stage is not None and stage.kind == "shadow":
            await self._shadow.measure(stage)
            await self._judge_shadow(stage)
        elif stage is not None:
            await self._judge_canary(stage)

    async def follow(self) -> None:
        """Load what the row says, or let it go."""
        async with self._one:
            async with self._db.read() as tx:
                stage = await stages.running(tx)
            if stage is None:
                self._now = None
                if self._serving.guest is not None:
                    self._brains.unseat()
                return
            if not self._serving.ready or not await self._brains.fresh():
                return  # another version is on its way: the next look knows more
            ended = await self._over(stage)
            if ended is None:
                self._now = stage
                return
            self._now = None
            await self._end(stage, *ended)
            self._brains.unseat()

    async def _over(self, stage: Stage) -> tuple[Outcome, str] | None:
        """How and why a stage is over; None where it goes on, with its candidate loaded."""
        serving = self._serving.version
        if serving == stage.version:
            return "passed", "it went live"
        if serving != stage.champion:
            return "stopped", f"{serving} serves now, and it was compared with {stage.champion}"
        if await self._tainted(stage.version):
            return "returned", "it has learned from a customer who was erased since"
        try:
            await self._brains.seat(stage.version)
        except StorageError:
            raise
        except NlpError as error:
            return "returned", f"it could not be loaded: {error}"
        except Exception as error:  # broken files make libraries raise anything
            log.exception("a candidate could not be loaded")
            return "returned", f"it could not be loaded: {type(error).__name__}"
        return None

    async def _tainted(self, version: str) -> bool:
        async with self._db.read() as tx:
            with suppress(NotFound):
                return (await model_versions.version(tx, version)).tainted_at is not None
        return False

    async def _judge_shadow(self, stage: Stage) -> None:
        why = await shadow.broken(self._db, stage)
        if why:
            await self._return(stage, why)
            return
        found = await shadow.look(self._db, stage)
        if found is None:
            return
        ready = found.verdict in ("better", "not worse")
        if not await self._looked(stage, ready=ready):
            return
        if found.verdict == "worse":
            await self._return(stage, f"in shadow it was {found.said()}")
        elif ready and await self._by_itself():
            await self.begin("canary", stage.version, BY_ITSELF)

    async def _judge_canary(self, stage: Stage) -> None:
        now = await canary.standing(self._db, stage)
        why = now.harm(stage.errors)
        if why:
            await self._return(stage, why)
            return
        found = await canary.look(stage, now)
        if found is None:
            return
        ready = not found.worse and now.candidate.arm.decisions >= canary.ENOUGH
        if not await self._looked(stage, ready=ready):
            return
        if found.worse:
            await self._return(stage, now.said())
        elif ready and await self._by_itself():
            await self._promotion.promote(stage.version, BY_ITSELF, f"as a canary, {now.said()}")
            await self.follow()

    async def _by_itself(self) -> bool:
        """Has an admin chosen that a candidate goes through all stages by itself?"""
        async with self._db.read() as tx:
            return Schedule.of(await settings_store.get_setting(tx, SCHEDULE_KEY)).promote == "stages"

    async def _looked(self, stage: Stage, *, ready: bool) -> bool:
        """Whether this node is the one that acts on a look; what was ready for the first time is noted."""

        async def work(tx: Transaction) -> bool:
            ours = await stages.looked(tx, stage, ready=ready)
            if ours and ready and stage.ready_at is None:
                await _note(tx, BY_ITSELF, f"model_{stage.kind}_passed", stage.version)
            return ours

        return await self._db.write(work)

    async def _return(self, stage: Stage, why: str) -> None:
        await self._end(stage, "returned", why)
        await self.follow()

    async def _end(self, stage: Stage, state: StageState, why: str, by: Actor = BY_ITSELF) -> bool:
        action = {"returned": "model_returned", "passed": f"model_{stage.kind}_passed_on"}

        async def work(tx: Transaction) -> bool:
            ended = await stages.end(tx, stage.id, state, why)
            if ended:
                name = action.get(state, f"model_{stage.kind}_stopped")
                await _note(tx, by, name, stage.version, why=why)
            return ended

        return await self._db.write(work)


def megabytes(registry: Registry, version: str) -> float | None:
    """How large a version's models are on disk; None where it isn't there. Blocks."""
    try:
        folder = registry.unverified(version).folder
    except NlpError:
        return None
    sizes = [path.stat().st_size for path in folder.rglob("*.safetensors")]
    return round(sum(sizes) / 1e6, 1)


def _check_free(running: Stage | None, kind: StageKind, version: str) -> None:
    if running is None or (kind == "canary" and (running.kind, running.version) == ("shadow", version)):
        return
    where = "in shadow" if running.kind == "shadow" else "a canary"
    raise Conflict(f"{running.version} is {where}; stop it first")


async def _note(tx: Transaction, by: Actor, action: str, version: str, **details: object) -> None:
    await audit.append(
        tx,
        actor_id=by.account_id,
        actor=by.name,
        action=action,
        subject=f"model:{version}"[:200],
        details=details,
    )
