"""Fixtures of the bot's tests."""

from __future__ import annotations

import asyncio
import shutil
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from storage.migrations import upgrade
from tests.bot.house import House, open_house


@pytest.fixture(scope="session")
def blank_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated, empty database file: copying it is much quicker than migrating for every test."""
    path = tmp_path_factory.mktemp("blank") / "house.sqlite3"
    # In a thread, since a loop may be running here.
    thread = threading.Thread(target=lambda: asyncio.run(upgrade(f"sqlite:///{path}")))
    thread.start()
    thread.join()
    return path


@pytest.fixture
async def house(tmp_path: Path, blank_database: Path) -> AsyncIterator[House]:
    """A small house with its own database."""
    shutil.copy(blank_database, tmp_path / "house.sqlite3")
    async with open_house(f"sqlite:///{tmp_path / 'house.sqlite3'}") as opened:
        yield opened
