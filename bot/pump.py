"""The loop behind the worker and the delivery: claim rows that are owed, handle some at once, repeat.

It wakes when told to, and looks once a second in any case, since other nodes and lapsed leases tell
nobody. It survives whatever its rows do. Knows neither what the rows are nor where they lie.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from storage.errors import StorageError

T = TypeVar("T")

POLL_SECONDS = 1.0

log = logging.getLogger(__name__)


class Pump(Generic[T]):
    """Claims at most `at_once` rows at a time. `handle` owns a row to its end; what it raises is logged."""

    def __init__(
        self,
        name: str,
        *,
        claim: Callable[[int], Awaitable[Sequence[T]]],
        handle: Callable[[T], Awaitable[None]],
        release: Callable[[], Awaitable[object]],
        wake: asyncio.Event,
        at_once: int,
    ) -> None:
        self._name = name
        self._claim = claim
        self._handle = handle
        self._release = release
        self._wake = wake
        self._at_once = at_once
        self._stopping = False
        self._loop: asyncio.Task[None] | None = None
        self._running: set[asyncio.Task[None]] = set()

    @property
    def alive(self) -> bool:
        """Whether the loop runs."""
        return self._loop is not None and not self._loop.done()

    @property
    def running(self) -> int:
        """How many rows are being handled."""
        return len(self._running)

    def start(self) -> None:
        """Begin."""
        self._stopping = False
        self._loop = asyncio.create_task(self._run(), name=self._name)

    async def stop(self, grace: float) -> None:
        """Claim no more, wait up to `grace` seconds for what runs, cancel the rest, hand rows back."""
        self._stopping = True
        self._wake.set()
        if self._loop is not None:
            await asyncio.gather(self._loop, return_exceptions=True)
        if self._running:
            await asyncio.wait(self._running, timeout=grace)
        left = tuple(self._running)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        try:
            await self._release()
        except StorageError as error:
            log.warning("%s: claimed rows wait for their lease to end: %s", self._name, error)

    async def _run(self) -> None:
        while not self._stopping:
            # Cleared before looking: what arrives while we look wakes us again.
            self._wake.clear()
            await self._take(self._at_once - len(self._running))
            try:
                await asyncio.wait_for(self._wake.wait(), POLL_SECONDS)
            except TimeoutError:
                continue

    async def _take(self, free: int) -> None:
        if free <= 0 or self._stopping:
            return
        try:
            claimed = await self._claim(free)
        except Exception as error:  # the loop must outlive a bad moment of the database
            log.warning("%s: nothing could be claimed: %s", self._name, type(error).__name__)
            return
        for row in claimed:
            task = asyncio.create_task(self._one(row))
            self._running.add(task)
            task.add_done_callback(self._done)

    async def _one(self, row: T) -> None:
        try:
            await self._handle(row)
        except Exception as error:  # the row stays claimed, and is tried again when its lease ends
            # The type only: messages of errors may quote a customer.
            log.error("%s: a row failed: %s", self._name, type(error).__name__)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        # A slot is free, and the next row of the same conversation may be claimed now.
        self._wake.set()
