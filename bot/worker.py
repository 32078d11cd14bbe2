"""Who does the work that messages bring: claims rows, has the conversation respond, retries, gives up.

Several conversations at once, one message of a conversation at a time (storage's claim sees to it).
Knows when to try again; what responding means is bot.conversation's business.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from bot.conversation import Conversation
from bot.pump import Pump
from storage import work
from storage.database import Database
from storage.errors import Unavailable
from storage.records import WorkItem

RETRIES = 3
"""A failed message is tried again this often."""
FIRST_PAUSE = 1.0
"""Seconds before the first retry; each further one waits twice as long."""
LEASE_SECONDS = 60.0
"""A row claimed by a node that died is free again after this."""
PATIENCE_SECONDS = 45.0
"""The longest one try may take: well within the lease, so that nobody else begins the same row."""

log = logging.getLogger(__name__)


class Worker:
    """Works until it is stopped; `node` is the name under which it claims, unique to the process."""

    def __init__(self, db: Database, conversation: Conversation, *, node: str, at_once: int = 2) -> None:
        self._db = db
        self._conversation = conversation
        self._node = node
        self._pump: Pump[WorkItem] = Pump(
            "worker",
            claim=self._claim,
            handle=self.handle,
            release=lambda: db.write(lambda tx: work.release_all(tx, node)),
            wake=conversation.work_arrived,
            at_once=at_once,
        )

    @property
    def alive(self) -> bool:
        """Whether the loop runs."""
        return self._pump.alive

    @property
    def running(self) -> int:
        """How many messages are being worked on."""
        return self._pump.running

    async def start(self) -> None:
        """Take up what an earlier process of this name left, and begin."""
        await self._db.write(lambda tx: work.release_all(tx, self._node))
        self._pump.start()

    async def stop(self, grace: float = 15.0) -> None:
        """Finish what runs within `grace` seconds; what does not finish is handed back."""
        await self._pump.stop(grace)

    async def _claim(self, free: int) -> Sequence[WorkItem]:
        if not self._conversation.ready:
            return ()  # the models are still loading: nobody is to be given up for that
        return await self._db.write(
            lambda tx: work.claim(tx, limit=free, node=self._node, lease_seconds=LEASE_SECONDS)
        )

    async def handle(self, item: WorkItem) -> None:
        """Respond to one message; try again later on a failure, and in the end do without drafts."""
        if item.attempts > RETRIES + 1:
            # It was claimed and never reported on: it may be what kills the process.
            await self._conversation.give_up(item, "the models did not come back")
            return
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await self._conversation.respond(item)
        except Exception as error:  # models may raise anything
            await self._failed(item, error)

    async def _failed(self, item: WorkItem, error: Exception) -> None:
        # The type only: messages of errors may quote a customer.
        kind = type(error).__name__
        log.warning("work: try %d of %d failed: %s", item.attempts, RETRIES + 1, kind)
        # Only a database that can't answer is waited for: what it refuses, it will refuse again.
        if item.attempts > RETRIES and not isinstance(error, Unavailable):
            await self._conversation.give_up(item, f"the models failed: {kind}")
            return
        delay = FIRST_PAUSE * 2 ** min(item.attempts - 1, RETRIES)
        await self._db.write(lambda tx: work.retry(tx, item.id, delay, kind, node=self._node))
