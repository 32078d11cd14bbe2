"""Drafts of two versions side by side, at moments that an agent has really answered.

The drafting is a process of its own (nlp.sidebyside): it doesn't disturb those who are served, and when it
ends, or its reader leaves, nothing of it stays. One at a time on a node. The answer is a stream, not a job
to ask after, so that it works behind any load balancer, and whoever leaves the page ends it. Knows rows,
versions by name and the process; nothing of how drafts are made.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import logging
import os
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import asdict, dataclass
from typing import Any

from bot import demo_shop
from bot.models import chooses_for_any_shop, manner
from bot.moments import Moment, moments
from bot.settings import Settings
from nlp.errors import NlpError
from nlp.registry import Registry, Version
from storage import knowledge
from storage.database import Database
from storage.errors import Conflict
from storage.learnable import reply_ids

log = logging.getLogger(__name__)

SIDES = ("left", "right")
HEARTBEAT = 1.0
"""Seconds after which a line is sent though there is nothing new: so that a reader who left is noticed."""
TURN_SECONDS = 3.0
"""How long a comparison waits for the one before it, which may be about to notice that its reader left."""
LINE_LIMIT = 1024 * 1024
EQUAL = 0.005
"""Two drafts whose nearness to the true reply differs by less than this are equally near."""

Command = Sequence[str]
Line = dict[str, Any]


def draft_command() -> Command:
    """How the drafting process is started; its orders come on stdin."""
    return (sys.executable, "-m", "nlp.sidebyside")


@dataclass(frozen=True, slots=True)
class Chosen:
    """Two verified versions, and where to look."""

    versions: tuple[Version, Version]
    moments: list[Moment]
    more: bool


class Comparison:
    """Compares two versions for one admin at a time. One for each node."""

    def __init__(self, db: Database, settings: Settings, *, demo: bool) -> None:
        self._db, self._settings, self._demo = db, settings, demo
        self._registry = Registry(settings.data_dir / "models")
        self._one = asyncio.Lock()
        self._process: asyncio.subprocess.Process | None = None

    def end(self) -> None:
        """End what runs: the server stops. Its reader is told so."""
        if self._process is not None:
            _kill(self._process)

    @asynccontextmanager
    async def lines(
        self, left: str, right: str, *, skip: int, count: int
    ) -> AsyncIterator[AsyncIterator[Line]]:
        """The answer line by line; leaving the block ends the drafting.

        Raises Conflict, with the reason, where there is nothing to compare or another comparison runs.
        """
        try:
            await asyncio.wait_for(self._one.acquire(), TURN_SECONDS)
        except TimeoutError:
            raise Conflict("another comparison runs on this server; try again when it has ended") from None
        try:
            chosen = await self._chosen(left, right, skip, count)
            orders = await self._orders(chosen)
            process = self._process = await self._started()
            feeding = asyncio.create_task(_feed(process, orders))
            try:
                async with aclosing(_told(process, chosen)) as lines:
                    yield lines
            finally:
                feeding.cancel()
                _kill(process)
                await asyncio.gather(feeding, process.wait(), return_exceptions=True)
                self._process = None
        finally:
            self._one.release()

    async def _chosen(self, left: str, right: str, skip: int, count: int) -> Chosen:
        versions = await asyncio.to_thread(self._versions, left, right)
        forgetting = await asyncio.to_thread(importlib.import_module, "nlp.forgetting")  # it takes seconds
        read = {one.name: await asyncio.to_thread(forgetting.trained_on, one) for one in versions}
        found, more = await moments(self._db, read, forgetting.digest, skip=skip, count=count)
        if not found:
            raise Conflict(
                "there are no other conversations that a person has answered"
                if skip
                else "nobody has answered a customer here yet; import conversations, or answer some"
            )
        return Chosen(versions, found, more)

    def _versions(self, left: str, right: str) -> tuple[Version, Version]:
        """Both verified; refused ones may be looked at, tainted ones only while they serve."""
        try:
            hidden = self._registry.tainted() - {self._registry.current_name()}
            for name in (left, right):
                if name in hidden:
                    raise Conflict(f"{name} has learned from a customer who was erased since; choose another")
            return self._registry.get(left), self._registry.get(right)
        except NlpError as error:
            raise Conflict(str(error)) from None

    async def _orders(self, chosen: Chosen) -> Line:
        """What the drafting process is to do."""
        ids = [one.conversation_id for one in chosen.moments]
        async with self._db.read() as tx:
            facts, products = await knowledge.facts(tx), await knowledge.products(tx)
            without = await reply_ids(tx, ids)
        shops = [self._demo and await asyncio.to_thread(chooses_for_any_shop, v) for v in chosen.versions]
        return {
            "versions": [
                {"name": one.name, "folder": str(one.folder), "shop": str(demo_shop.FOLDER) if shop else None}
                for one, shop in zip(chosen.versions, shops, strict=True)
            ],
            "moments": [
                {
                    "turns": [[turn.role, turn.text] for turn in one.turns],
                    "reply": one.reply,
                    "values": {"customer_name": one.customer_name} if one.customer_name else {},
                }
                for one in chosen.moments
            ],
            "facts": dict(facts),
            "products": list(products),
            "index": str(self._settings.data_dir / "index"),
            "without": [str(one) for one in without],
            "device": self._settings.device,
            "manner": asdict(manner(self._settings)),
        }

    async def _started(self) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *draft_command(),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,  # what it complains of may quote a customer
            env={**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"},
            start_new_session=True,
            limit=LINE_LIMIT,
        )


async def _feed(process: asyncio.subprocess.Process, orders: Line) -> None:
    if process.stdin is None:
        return
    with suppress(ConnectionError):  # it has ended: its last line says why
        process.stdin.write(json.dumps(orders).encode())
        await process.stdin.drain()
        process.stdin.close()


async def _told(process: asyncio.subprocess.Process, chosen: Chosen) -> AsyncGenerator[Line, None]:
    """What the process says, as the page is told; a moment as soon as both versions have drafted for it."""
    working: Line = {"kind": "working", "doing": "starting", "done": 0, "total": 2 * len(chosen.moments)}
    first: dict[int, list[Line]] = {}
    yield working
    while process.stdout is not None:
        try:
            raw = await asyncio.wait_for(process.stdout.readline(), HEARTBEAT)
        except TimeoutError:
            yield working
            continue
        if not raw:
            break
        said = json.loads(raw)
        if "failed" in said:
            yield {"kind": "failed", "said": _sentence(said["failed"])}
            return
        if "loading" in said:
            working = {**working, "doing": f"loading {chosen.versions[said['loading']].name}"}
            yield working
            continue
        name = chosen.versions[said["version"]].name
        working = {**working, "doing": f"{name} drafts", "done": working["done"] + 1}
        yield working
        if said["version"] == 0:
            first[said["moment"]] = said["drafts"]
        else:
            drafts = (first.pop(said["moment"]), said["drafts"])
            yield {"kind": "moment", "moment": _seen(chosen.moments[said["moment"]], drafts)}
    if await process.wait() == 0:
        yield {"kind": "done", "more": chosen.more}
    else:
        yield {"kind": "failed", "said": "The drafting ended before its time. Please try again."}


def _seen(moment: Moment, drafts: tuple[list[Line], list[Line]]) -> Line:
    near = [side[0]["similarity"] if side else 0.0 for side in drafts]
    closer = "equal" if abs(near[0] - near[1]) < EQUAL else SIDES[near[1] > near[0]]
    return {
        "conversation_id": str(moment.conversation_id),
        "at": moment.at.isoformat(),
        "turns": [{"role": turn.role, "text": turn.text} for turn in moment.turns],
        "reply": moment.reply,
        "read_by": list(moment.read_by),
        **dict(zip(SIDES, drafts, strict=True)),
        "closer": closer,
    }


def _kill(process: asyncio.subprocess.Process) -> None:
    """At once: it keeps nothing."""
    if process.returncode is None:
        with suppress(ProcessLookupError):
            process.kill()


def _sentence(said: str) -> str:
    return f"{said[:1].upper()}{said[1:]}."
