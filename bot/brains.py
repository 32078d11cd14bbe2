"""The brain that serves: loaded at the start, and anew where another version was made current, a customer
was erased, or the help articles were changed since; and a second one beside it, while a candidate is tried.

What a brain remembers of a shop's replies is read once, when it is loaded. An erasure, on this node or
another, leaves its time in a row of the settings; a brain that was loaded before is replaced by one that
never read those conversations. So is one that isn't current any more: another node or the command line may
have promoted. Knows the loader of brains; nothing of what is in them.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
from pathlib import Path

from bot.models import INDEX, INDEX_BESIDE, LoadBrain, shipped_loader
from bot.new_intents import NewIntents
from bot.settings import Settings
from nlp.errors import NlpError
from nlp.registry import Registry
from nlp.serving import Serving
from storage import knowledge, settings_store
from storage.database import Database

log = logging.getLogger(__name__)

ERASED_KEY = "erasure.latest"
"""The setting that says when a customer was erased last."""


class Brains:
    """Loads the brain of a node. `load_brain` takes the place of the shipped models."""

    def __init__(
        self,
        db: Database,
        settings: Settings,
        serving: Serving,
        new_intents: NewIntents,
        *,
        load_brain: LoadBrain | None,
        demo: bool,
    ) -> None:
        self._db, self._settings, self._serving, self._new_intents = db, settings, serving, new_intents
        self._load_brain, self._demo = load_brain, demo
        self._loading = asyncio.Lock()
        self._knows: tuple[str | None, str] | None = None
        self._serves: str | None = None
        self._beside: tuple[tuple[str | None, str], str] | None = None
        self._task: asyncio.Task[None] | None = None

    async def close(self) -> None:
        """End what runs in the background."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def load(self, version: str | None = None) -> None:
        """Load the current version, or another that is to be, and serve it; the old one serves until then.

        Raises NlpError and Unavailable; then the old one serves on.
        """
        async with self._loading:
            # Read before replies and articles are: what changes meanwhile is noticed by the next look.
            state, name = await self._state(), version or await self._current()
            load = self._load_brain or await shipped_loader(
                self._db, self._settings, demo=self._demo, name=name
            )
            await self._serving.swap(await self._new_intents.reading(load))
            self._knows, self._serves = state, name

    async def seat(self, version: str) -> None:
        """Load a version beside the one that serves, unless it is there and knows the shop as it is.

        Raises NlpError, and whatever broken files make the libraries raise; nothing has changed then.
        """
        async with self._loading:
            wanted = (await self._state(), version)
            if self._beside == wanted:
                return
            load = self._load_brain
            if load is None:
                cache = self._settings.data_dir / INDEX_BESIDE
                await asyncio.to_thread(_share_index, self._settings.data_dir / INDEX, cache)
                load = await shipped_loader(
                    self._db, self._settings, demo=self._demo, name=version, cache=cache
                )
            await self._serving.seat(self._new_intents.reading_too(load))
            self._beside = wanted

    def unseat(self) -> None:
        """Let the second version go."""
        self._serving.unseat()
        self._beside = None

    async def fresh(self) -> bool:
        """Is what this node serves the current version? Else it is about to load that."""
        return self._serves is not None and self._serves == await self._current()

    def refresh_soon(self) -> None:
        """Load anew in the background, if a customer was erased, or articles or the version changed."""
        if self._serving.ready and (self._task is None or self._task.done()):
            self._task = asyncio.create_task(self._refresh(), name="brains")

    async def _refresh(self) -> None:
        try:
            # Again where something changed while we loaded.
            while (await self._state(), await self._current()) != (self._knows, self._serves):
                await self.load()
                log.info("models loaded anew: a customer was erased, or articles or the version changed")
        except NlpError as error:
            log.error("the models could not be loaded anew, and may know who was erased: %s", error)
        except Exception as error:  # housekeeping looks again
            log.warning("the models were not loaded anew: %s", type(error).__name__)

    async def _state(self) -> tuple[str | None, str]:
        """What a brain that knows the shop as it is now has seen: the latest erasure, and the articles."""
        async with self._db.read() as tx:
            when: str | None = await settings_store.get_setting(tx, ERASED_KEY)
            return when, await knowledge.articles_stamp(tx)

    async def _current(self) -> str:
        registry = Registry(self._settings.data_dir / "models")
        return self._settings.model or await asyncio.to_thread(registry.current_name)


def _share_index(index: Path, beside: Path) -> None:
    """What was read of the shop need not be read again for a second version; blocks."""
    # Imported here: it takes seconds.
    from nlp.index_file import CACHE_FILE

    if (index / CACHE_FILE).exists():
        beside.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(index / CACHE_FILE, beside / CACHE_FILE)
