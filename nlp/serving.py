"""The live brain behind an async door: micro-batches in, one model thread, hot swap.

Readings and drafts wait in two queues; one thread takes whatever has come in as one batch,
readings first, since a person is looking at them already. A failure reaches every waiter of its
batch. While nothing waits, the brain reads what it does not know yet of the shop. A swap loads and
warms the new brain off the loop, changes one reference, and lets what was leased finish on the old
one. Knows the Brain protocol and nothing of what is inside.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from nlp.errors import NlpError
from nlp.types import Analysis, Brain, Draft, ReplyRequest

log = logging.getLogger(__name__)

PATIENCE = 10.0
"""Seconds after which the brain reads on although customers wait: a busy shop has the most to remember."""


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
        self.read_on_at = 0.0
        self.stuck = self.resting = False

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
        loop, old = asyncio.get_running_loop(), self._lane
        if old is not None:
            old.resting = True
            await loop.run_in_executor(self._thread, _nothing)  # behind a slice that it is reading
        try:
            brain = await loop.run_in_executor(self._loader, load)
        except BaseException:
            if old is not None:
                old.resting = False
                self._wake.set()
            raise
        if self._lane is not None:
            self._busy.append(self._lane)
        self._lane = _Lane(brain)
        self._wake.set()
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="model-serving")

    @asynccontextmanager
    async def lease(self) -> AsyncIterator[LeasedBrain]:
        """One version for everything done inside; raises NotLoaded while there is none."""
        if self._lane is None:
            raise NotLoaded("the models are still loading")
        yield LeasedBrain(self, self._lane)

    async def submit(self, lane: _Lane, queue: list[_Job], item: Any) -> Any:
        """Queue one item on a lane and wait for its result."""
        if self._task is None or self._task.done():
            raise NotLoaded("serving has been closed")
        if self.queue_depth >= self._limit:
            raise Overloaded("too many messages are waiting for the models")
        if lane is not self._lane and lane not in self._busy:
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
            for job in (*lane.readings, *lane.drafts):
                job.result.cancel()
        self._lane = None
        # Off the loop: a batch that runs is waited for, and others still have goodbyes to say.
        await asyncio.to_thread(self._thread.shutdown, wait=True, cancel_futures=True)
        await asyncio.to_thread(self._loader.shutdown, wait=True, cancel_futures=True)

    def _lanes(self) -> list[_Lane]:
        return [*self._busy, *([self._lane] if self._lane else [])]

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            lane = next((x for x in self._lanes() if x.readings or x.drafts), None)
            if self._lane is not None and self._lane.has_to_read(busy=lane is not None):
                await loop.run_in_executor(self._thread, self._lane.read_on)
                continue
            # Who leases an older brain comes back with it: it is kept here while something waits for it.
            self._busy = [one for one in self._busy if one.readings or one.drafts]
            if lane is None:
                self._wake.clear()
                await self._wake.wait()
                # Let everything that has just come in on this turn of the loop join the batch.
                await asyncio.sleep(0)
                continue
            await self._batch(lane)
            del lane  # a brain that was swapped away goes now, not with the next batch

    async def _batch(self, lane: _Lane) -> None:
        """Work off what waits for one lane; a failure reaches every waiter."""
        jobs, drafts = lane.next_batch(self._most_readings, self._most_drafts)
        jobs = [job for job in jobs if not job.result.done()]
        if not jobs:
            return
        work: Callable[[Sequence[Any]], Sequence[Any]] = (
            lane.brain.suggest if drafts else lane.brain.understand
        )
        try:
            results = await asyncio.get_running_loop().run_in_executor(
                self._thread, work, [job.item for job in jobs]
            )
            answered = list(zip(jobs, results, strict=True))
        except asyncio.CancelledError:
            for job in jobs:
                job.result.cancel()
            raise
        except Exception as error:  # whatever a model raises belongs to those who wait for it
            log.warning("a batch of %d failed: %s", len(jobs), type(error).__name__)
            _fail(jobs, error)
        else:
            for job, result in answered:
                if not job.result.done():
                    job.result.set_result(result)


def _nothing() -> None:
    """Work that only waits for its turn."""


def _fail(jobs: Sequence[_Job], error: Exception) -> None:
    for job in jobs:
        if not job.result.done():
            job.result.set_exception(error)
