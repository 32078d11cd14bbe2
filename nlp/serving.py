"""The live brain behind an async door: micro-batches in, one model thread, hot swap.

Readings and drafts wait in two queues; one thread takes whatever has come in as one batch,
readings first, since a person is looking at them already. A failure reaches every waiter of its
batch. While nothing waits, the brain reads what it does not know yet of the shop. A swap loads and
warms the new brain off the loop, changes one reference, and lets what was leased finish on the old
one. A second brain may be loaded beside it: it can be leased like the first, and it works on the side,
which is done only while nobody waits. Knows the Brain protocol and nothing of what is inside.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from nlp.errors import NlpError
from nlp.types import Analysis, Brain, Draft, ReplyRequest

log = logging.getLogger(__name__)

T = TypeVar("T")

PATIENCE = 10.0
"""Seconds after which the brain reads on although customers wait: a busy shop has the most to remember."""
MOST_ASIDE = 8
"""Work on the side that may wait; what comes on top of it is turned away."""


class NotLoaded(NlpError):
    """No brain is loaded yet, or serving has been closed."""


class Overloaded(NlpError):
    """Too much is waiting; ask again later."""


@dataclass(slots=True)
class _Job:
    item: Any
    result: asyncio.Future[Any]


class _Lane:
    """One loaded brain and what waits for it."""

    def __init__(self, brain: Brain) -> None:
        self.brain = brain
        self.readings: list[_Job] = []
        self.drafts: list[_Job] = []
        self.asides: list[_Job] = []
        self.served_at = self.read_on_at = 0.0
        self.stuck = self.resting = False

    @property
    def owes(self) -> bool:
        """Does somebody wait for it?"""
        return bool(self.readings or self.drafts)

    def has_to_read(self, busy: bool) -> bool:
        """Is it time for the brain to read on?"""
        late = time.monotonic() - self.read_on_at > PATIENCE
        return self.brain.unread > 0 and not (self.stuck or self.resting) and (late or not busy)

    def read_on(self) -> None:
        """Read a slice; one that can't be read is the last one."""
        try:
            self.brain.read_on()
        except Exception as error:  # the brain serves all the same, with what it remembers
            self.stuck = True
            log.error("%d items of the shop could not be read: %s", self.brain.unread, type(error).__name__)
        self.read_on_at = time.monotonic()

    def next_batch(self, most_readings: int, most_drafts: int) -> tuple[list[_Job], bool]:
        """The next jobs and whether they are drafts; readings go first."""
        if self.readings:
            batch, self.readings = self.readings[:most_readings], self.readings[most_readings:]
            return batch, False
        batch, self.drafts = self.drafts[:most_drafts], self.drafts[most_drafts:]
        return batch, True


class LeasedBrain:
    """One brain for one message from start to end."""

    def __init__(self, serving: Serving, lane: _Lane) -> None:
        self._serving = serving
        self._lane = lane
        self.version = lane.brain.version

    async def understand(self, text: str) -> Analysis:
        """Read one message; raises NlpError subclasses of the brain, or Overloaded."""
        found: Analysis = await self._serving.submit(self._lane, self._lane.readings, text)
        return found

    async def suggest(self, request: ReplyRequest) -> list[Draft]:
        """Draft replies, best first; may be empty."""
        found: list[Draft] = await self._serving.submit(self._lane, self._lane.drafts, request)
        return found


class Serving:
    """Owns the model thread. Made and used on one event loop."""

    def __init__(self, *, most_readings: int = 32, most_drafts: int = 8, queue_limit: int = 512) -> None:
        self._most_readings, self._most_drafts = most_readings, most_drafts
        self._limit = queue_limit
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="model")
        self._loader = ThreadPoolExecutor(1, thread_name_prefix="model-loader")
        self._lane: _Lane | None = None
        self._guest: _Lane | None = None
        self._busy: list[_Lane] = []
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @classmethod
    async def start(cls, load: Callable[[], Brain], **limits: int) -> Serving:
        """Load a brain off the loop and begin to serve; raises what `load` raises."""
        serving = cls(**limits)
        await serving.swap(load)
        return serving

    @property
    def ready(self) -> bool:
        """Is a brain loaded?"""
        return self._lane is not None

    @property
    def version(self) -> str | None:
        """The version that new messages get."""
        return self._lane.brain.version if self._lane else None

    @property
    def guest(self) -> str | None:
        """The version that is loaded beside the one that serves."""
        return self._guest.brain.version if self._guest else None

    @property
    def unread(self) -> int:
        """Replies and articles of the shop that new suggestions don't know yet."""
        return self._lane.brain.unread if self._lane else 0

    @property
    def queue_depth(self) -> int:
        """Readings and drafts that wait."""
        return sum(len(lane.readings) + len(lane.drafts) for lane in self._lanes())

    async def swap(self, load: Callable[[], Brain]) -> None:
        """Load a brain off the loop, then serve it; the old one stays where `load` raises.

        The old one does not read on meanwhile: both keep what they have read in the same place.
        """
        lane = _Lane(await self._loaded(load))
        if self._lane is not None:
            self._busy.append(self._lane)
        self._lane = lane
        self._wake.set()
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="model-serving")

    async def seat(self, load: Callable[[], Brain]) -> None:
        """Load a second brain off the loop in an earlier one's place, which stays where `load` raises."""
        lane = _Lane(await self._loaded(load))
        self.unseat()
        self._guest = lane
        if self._lane is not None:
            self._lane.resting = False
        self._wake.set()

    def unseat(self) -> None:
        """Let the second brain go; what was leased finishes on it, what it had on the side is dropped."""
        guest, self._guest = self._guest, None
        if guest is not None:
            _cancel(guest.asides)
            if guest.owes:
                self._busy.append(guest)

    async def _loaded(self, load: Callable[[], Brain]) -> Brain:
        loop, old = asyncio.get_running_loop(), self._lane
        if old is not None:
            old.resting = True
            await loop.run_in_executor(self._thread, _nothing)  # behind a slice that it is reading
        try:
            return await loop.run_in_executor(self._loader, load)
        except BaseException:
            if old is not None:
                old.resting = False
                self._wake.set()
            raise

    @asynccontextmanager
    async def lease(self) -> AsyncIterator[LeasedBrain]:
        """One version for everything done inside; raises NotLoaded while there is none."""
        if self._lane is None:
            raise NotLoaded("the models are still loading")
        yield LeasedBrain(self, self._lane)

    @asynccontextmanager
    async def lease_guest(self) -> AsyncIterator[LeasedBrain]:
        """The same of the second brain; raises NotLoaded where there is none."""
        if self._guest is None:
            raise NotLoaded("no second version is loaded")
        yield LeasedBrain(self, self._guest)

    async def aside(self, work: Callable[[Brain], T]) -> T:
        """Have the second brain do something that nobody waits for, whenever nothing else is to be done.

        Raises NotLoaded where there is none, Overloaded where enough of that waits already, and what
        `work` raises; cancelled where the second brain is let go meanwhile.
        """
        lane = self._guest
        if lane is None or self._task is None or self._task.done():
            raise NotLoaded("no second version is loaded")
        if len(lane.asides) >= MOST_ASIDE:
            raise Overloaded("the models have no time for work on the side")
        job = _Job(work, asyncio.get_running_loop().create_future())
        lane.asides.append(job)
        self._wake.set()
        done: T = await job.result
        return done

    async def submit(self, lane: _Lane, queue: list[_Job], item: Any) -> Any:
        """Queue one item on a lane and wait for its result."""
        if self._task is None or self._task.done():
            raise NotLoaded("serving has been closed")
        if self.queue_depth >= self._limit:
            raise Overloaded("too many messages are waiting for the models")
        if lane not in self._lanes():
            self._busy.append(lane)
        job = _Job(item, asyncio.get_running_loop().create_future())
        queue.append(job)
        self._wake.set()
        return await job.result

    async def close(self) -> None:
        """Stop; what still waits is cancelled."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        for lane in self._lanes():
            _cancel([*lane.readings, *lane.drafts, *lane.asides])
        self._lane = self._guest = None
        # Off the loop: a batch that runs is waited for, and others still have goodbyes to say.
        await asyncio.to_thread(self._thread.shutdown, wait=True, cancel_futures=True)
        await asyncio.to_thread(self._loader.shutdown, wait=True, cancel_futures=True)

    def _lanes(self) -> list[_Lane]:
        return [*self._busy, *(lane for lane in (self._lane, self._guest) if lane is not None)]

    def _next(self) -> _Lane | None:
        """The lane to serve next: readings before drafts, then whichever had its turn longest ago."""
        owing = [lane for lane in self._lanes() if lane.owes]
        return min(owing, key=lambda lane: (not lane.readings, lane.served_at), default=None)

    async def _run(self) -> None:
        while True:
            lane = self._next()
            # Who leases an older brain comes back with it: it is kept here while something waits for it.
            self._busy = [one for one in self._busy if one.owes]
            if lane is None and not await self._unasked():
                self._wake.clear()
                await self._wake.wait()
                # Let everything that has just come in on this turn of the loop join the batch.
                await asyncio.sleep(0)
            elif lane is not None and self._lane is not None and self._lane.has_to_read(busy=True):
                await self._in_thread(self._lane.read_on)
            elif lane is not None:
                await self._batch(lane)
            del lane  # a brain that was swapped away goes now, not with the next batch

    async def _unasked(self) -> bool:
        """Something that nobody waits for: read on, or work on the side. False where there is nothing."""
        for lane in (self._lane, self._guest):
            if lane is not None and lane.has_to_read(busy=False):
                await self._in_thread(lane.read_on)
                return True
        if self._guest is None or not self._guest.asides:
            return False
        job = self._guest.asides.pop(0)
        if not job.result.done():
            brain = self._guest.brain
            await self._done([job], lambda items: [items[0](brain)])
        return True

    async def _batch(self, lane: _Lane) -> None:
        jobs, drafts = lane.next_batch(self._most_readings, self._most_drafts)
        lane.served_at = time.monotonic()
        jobs = [job for job in jobs if not job.result.done()]
        if jobs:
            await self._done(jobs, lane.brain.suggest if drafts else lane.brain.understand)

    async def _done(self, jobs: Sequence[_Job], work: Callable[[Sequence[Any]], Sequence[Any]]) -> None:
        """Do some jobs in the model thread and give each its result, or all the failure."""
        try:
            results = await self._in_thread(work, [job.item for job in jobs])
            answered = list(zip(jobs, results, strict=True))
        except asyncio.CancelledError:
            _cancel(jobs)
            raise
        except Exception as error:  # whatever a model raises belongs to those who wait for it
            log.warning("a batch of %d failed: %s", len(jobs), type(error).__name__)
            _fail(jobs, error)
        else:
            for job, result in answered:
                if not job.result.done():
                    job.result.set_result(result)

    async def _in_thread(self, work: Callable[..., T], *given: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *given)


def _nothing() -> None:
    """Work that only waits for its turn."""


def _cancel(jobs: Sequence[_Job]) -> None:
    for job in jobs:
        job.result.cancel()


def _fail(jobs: Sequence[_Job], error: Exception) -> None:
    for job in jobs:
        if not job.result.done():
            job.result.set_exception(error)
