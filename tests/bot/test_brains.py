"""The brain of a node forgets who was erased, wherever that was done."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.brains import ERASED_KEY, Brains
from bot.new_intents import NewIntents
from bot.settings import Settings
from nlp.errors import ModelError
from nlp.serving import Serving
from storage import settings_store
from storage.database import Database
from tests.fakes import FakeBrain, until


@pytest.fixture
async def db(tmp_path: Path) -> AsyncIterator[Database]:
    opened = await Database.open(f"sqlite:///{tmp_path}/deskhand.sqlite3")
    yield opened
    await opened.close()


@pytest.fixture
async def serving() -> AsyncIterator[Serving]:
    made = Serving()
    yield made
    await made.close()


class Shelf:
    """A loader that counts; each brain bears its number."""

    def __init__(self) -> None:
        self.loaded = 0
        self.broken = False

    def __call__(self) -> FakeBrain:
        if self.broken:
            raise ModelError("a file is damaged")
        self.loaded += 1
        return FakeBrain(f"brain-{self.loaded}")


def brains_of(db: Database, serving: Serving, shelf: Shelf, folder: Path) -> Brains:
    named = NewIntents(db, serving)
    return Brains(db, Settings(data_dir=folder), serving, named, load_brain=shelf, demo=False)


async def erased(db: Database) -> None:
    when = datetime.now(UTC).isoformat()
    await db.write(lambda tx: settings_store.put_setting(tx, ERASED_KEY, when))


async def test_an_erasure_replaces_the_brain_once(db: Database, serving: Serving, tmp_path: Path) -> None:
    shelf = Shelf()
    brains = brains_of(db, serving, shelf, tmp_path)
    await brains.load()
    brains.refresh_soon()
    await brains._task
    assert shelf.loaded == 1
    await erased(db)
    brains.refresh_soon()
    await until(lambda: serving.version == "brain-2")
    await brains._task
    brains.refresh_soon()
    await brains._task
    assert shelf.loaded == 2
    await brains.close()


async def test_a_brain_that_is_not_loaded_yet_is_not_replaced(
    db: Database, serving: Serving, tmp_path: Path
) -> None:
    brains = brains_of(db, serving, Shelf(), tmp_path)
    await erased(db)
    brains.refresh_soon()
    assert brains._task is None


async def test_a_brain_that_can_not_be_replaced_serves_on_and_is_tried_again(
    db: Database, serving: Serving, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shelf = Shelf()
    brains = brains_of(db, serving, shelf, tmp_path)
    await brains.load()
    await erased(db)
    shelf.broken = True
    brains.refresh_soon()
    await brains._task
    assert serving.version == "brain-1" and "may know who was erased" in caplog.text
    shelf.broken = False
    brains.refresh_soon()
    await brains._task
    assert serving.version == "brain-2"
