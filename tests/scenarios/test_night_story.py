"""An admin's whole night in a real browser: bring conversations in, train, compare, promote, roll back.

The pages, the server, its rows and its processes are real; trainer and drafter learn nothing, since a real
round that passes its gate takes longer than a test may (training/LOG.md has those).
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import expect

from bot import comparison, intake, night
from bot.api.services import SERVICES
from bot.app import DB
from bot.cli_users import add_account
from storage import audit
from tests.fakes import until
from tests.scenarios.browser import CHROMIUM, PASSWORD, House, open_house
from tests.scenarios.test_data import picture, tickets

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="needs chromium"),
]


@pytest.fixture
async def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    """A started Deskhand with an empty log; nothing may have broken in any page of it."""
    for module in (intake, night):
        monkeypatch.setattr(module, "TICK", 0.1)
        monkeypatch.setattr(module, "LOOK", 0.1)
    trainer = (sys.executable, "-m", "tests.bot.fake_trainer", "better")
    drafter = (sys.executable, "-m", "tests.bot.fake_drafter", "quick", str(tmp_path / "orders.json"))
    monkeypatch.setattr(night, "train_command", lambda: trainer)
    monkeypatch.setattr(comparison, "draft_command", lambda: drafter)
    importlib.import_module("nlp.forgetting")  # a house with its models loaded has it
    async with open_house(tmp_path, trains=True) as opened:
        await until(lambda: opened.app[SERVICES].state.brain_ready)
        yield opened
        assert opened.complaints == []


async def test_from_a_file_to_a_version_that_serves_and_back(house: House, tmp_path: Path) -> None:
    await add_account(house.app[DB], email="ada@example.com", name="Ada", role="admin", password=PASSWORD)
    page = await house.sign_in(await house.context(), "ada@example.com", PASSWORD)
    await page.get_by_role("link", name="Admin").click()

    await expect(page.locator("#kinds")).to_contain_text("JSON lines")
    await page.locator("#file").set_input_files(tickets(tmp_path))
    upload = page.locator("#uploads > li").first
    await upload.get_by_label("Leave out the 2 broken rows").check()
    await upload.get_by_role("button", name="Import 40 conversations").click()
    await expect(upload).to_contain_text("40 conversations imported, 2 broken rows left out.")

    await page.get_by_role("link", name="Training").click()
    await page.get_by_role("button", name="Train now").click()
    await expect(page.locator("#runs .badge.published")).to_be_visible()
    await page.get_by_role("link", name="Look at it").click()

    await page.get_by_role("button", name="Compare").click()
    await expect(page.locator(".moment")).to_have_count(10)
    await expect(page.locator(".moment").first).to_contain_text("comes tomorrow.")
    await picture(page, "night-compared")
    await page.get_by_role("button", name="Put away").click()

    made = page.locator("#versions > li", has=page.get_by_role("button", name="Promote"))
    name = await made.get_attribute("id")
    await made.get_by_role("button", name="Promote").click()
    await page.get_by_role("button", name="Really promote").click()
    await expect(page.locator(f'[id="{name}"] .badge.live')).to_be_visible()
    await page.get_by_role("button", name="Roll back").click()
    await page.get_by_role("button", name="Really roll back").click()
    await expect(page.locator('[id="starter"] .badge.live')).to_be_visible()
    await picture(page, "night-rolled-back")

    async with house.app[DB].read() as tx:
        done = {entry.action for entry in await audit.entries(tx, limit=50)}
    wanted = {"training_requested", "model_published", "model_promoted", "model_rolled_back"}
    assert wanted <= done, done
