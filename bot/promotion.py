"""Which version answers customers: promoted and rolled back while we serve.

The new brain is loaded and warm before anything says that it is current; what is being answered ends on the
old one. Then the registry's pointer moves, in one rename, and the rows with the audit entry follow in one
transaction; a kill between is mended at the next start, for the pointer is what counts. Knows neither routes
nor what is in a version.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

from bot.brains import Brains
from bot.messages import Actor
from bot.settings import Settings
from nlp.errors import NlpError
from nlp.registry import STARTER, Registry
from storage import audit, model_versions
from storage.database import Database, Transaction
from storage.errors import Conflict
from storage.records import ModelVersion

log = logging.getLogger(__name__)


class Promotion:
    """The one way to change what serves. One for each node."""

    def __init__(self, db: Database, settings: Settings, brains: Brains) -> None:
        self._db, self._settings, self._brains = db, settings, brains
        self._registry = Registry(settings.data_dir / "models")
        self._one = asyncio.Lock()

    async def begin(self) -> None:
        """Write down which version serves, where a kill or the command line has left the rows behind.

        A house that has only ever served the starter has nothing to write down.
        """
        current = await asyncio.to_thread(self._registry.current_name)
        try:
            await self._db.write(lambda tx: _lived(tx, current))
        except Conflict as error:
            log.warning("%s serves, but the rows say otherwise: %s", current, error)

    async def promote(self, name: str, by: Actor, reason: str | None = None) -> ModelVersion:
        """Serve this version from now on; raises Conflict, saying why not, and then the old one serves on."""
        async with self._one:
            return await self._serve(name, by, "model_promoted", reason)

    async def roll_back(self, by: Actor) -> ModelVersion:
        """Serve the version before the current one again; raises Conflict where there is none."""
        async with self._one:
            try:
                name = await asyncio.to_thread(self._registry.previous)
            except NlpError as error:
                raise Conflict(str(error)) from None
            return await self._serve(name, by, "model_rolled_back", "rolled back")

    async def _serve(self, name: str, by: Actor, action: str, reason: str | None) -> ModelVersion:
        if self._settings.model:
            raise Conflict(f"the setting `model` fixes the version {self._settings.model}; empty it first")
        before = await asyncio.to_thread(self._registry.current_name)
        try:
            version = await asyncio.to_thread(self._registry.promotable, name)
            await self._brains.load(name)
            back = action == "model_rolled_back"
            await asyncio.to_thread(self._registry.rollback if back else lambda: self._registry.promote(name))
        except NlpError as error:
            raise Conflict(str(error)) from None
        metrics = summary(version.facts)

        async def work(tx: Transaction) -> ModelVersion:
            await _lived(tx, before, first=True)
            await model_versions.see(tx, name, parent=version.parent, metrics=metrics)
            live = await model_versions.promote(tx, name, reason=reason)
            await audit.append(
                tx, actor_id=by.account_id, actor=by.name, action=action, subject=f"model:{name}"
            )
            return live

        return await self._db.write(work)


async def _lived(tx: Transaction, current: str, *, first: bool = False) -> None:
    """The rows say that this version is live; of the starter only where it is the first to be left."""
    live = await model_versions.live_version(tx)
    if live is None and (first or current != STARTER):
        await model_versions.see(tx, current)
        await model_versions.promote(tx, current, reason="served first")
    elif live is not None and live.version != current:
        await model_versions.see(tx, current)
        await model_versions.promote(tx, current, reason="as the models folder says")


_TOLD = (
    "gate", "champion", "conversations", "lessons", "echoes", "seconds", "seed", "finished",
    "augmentation", "preference", "acceptance",
)  # fmt: skip


def summary(facts: Mapping[str, Any]) -> dict[str, Any]:
    """What the rows keep of a version's figures; everything is in its manifest."""
    replies = facts.get("replies")
    figures = replies if isinstance(replies, Mapping) else {}
    blocks = ("suggestions", "retrieval_only", "generation_only")
    kept: dict[str, Any] = {name: figures[name] for name in blocks if name in figures}
    for name in ("n", "hit_at_1_of_10", "hit_at_1_of_100", "interval"):
        if name in figures:
            kept[name] = figures[name]
    for name in _TOLD:
        if name in facts:
            kept[name] = facts[name]
    return kept
