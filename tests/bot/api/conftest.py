"""Fixtures of the tests of the doors."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.bot.api.desk import Desk, open_desk


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    """A started Deskhand."""
    async with open_desk(tmp_path) as opened:
        yield opened
