"""Fixtures of the bot's tests."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from storage.migrations import upgrade
from tests.bot.house import House, open_house
from tests.postgres import empty, run_apart


@pytest.fixture(scope="session")
def blank_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated, empty database file: copying it is much quicker than migrating for every test."""
    path = tmp_path_factory.mktemp("blank") / "house.sqlite3"
    run_apart(upgrade(f"sqlite:///{path}"))
    return path


@pytest.fixture(params=["sqlite", "postgresql"])
def house_url(request: pytest.FixtureRequest, tmp_path: Path, blank_database: Path) -> str:
    """The URL of a migrated, empty database of either kind."""
    if request.param == "postgresql":
        shared: str = request.getfixturevalue("shared_postgres")
        empty(shared)
        return shared
    shutil.copy(blank_database, tmp_path / "house.sqlite3")
    return f"sqlite:///{tmp_path / 'house.sqlite3'}"


@pytest.fixture
async def house(house_url: str) -> AsyncIterator[House]:
    """A small house with its own database."""
    async with open_house(house_url) as opened:
        yield opened
