"""Training and models in a real browser: an admin starts a round, watches it, promotes and rolls back."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from bot import night
from bot.api.services import SERVICES
from bot.app import DB
from bot.cli_users import add_account
from storage import conversations
from tests.fakes import until
from tests.scenarios.browser import CHROMIUM, PASSWORD, House, open_house

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="needs chromium"),
]
PICTURES = Path(os.environ["DESKHAND_PICTURES"]) if "DESKHAND_PICTURES" in os.environ else None


def behave(monkeypatch: pytest.MonkeyPatch, behaviour: str) -> None:
    """Trainers from now on behave so."""
    command = (sys.executable, "-m", "tests.bot.fake_trainer", behaviour)
    monkeypatch.setattr(night, "train_command", lambda: command)


@pytest.fixture
async def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    """A started Deskhand that trains; nothing may have broken in any page of it."""
    monkeypatch.setattr(night, "TICK", 0.1)
    monkeypatch.setattr(night, "LOOK", 0.1)
    behave(monkeypatch, "slow")
    async with open_house(tmp_path, trains=True) as opened:
        await until(lambda: opened.app[SERVICES].state.brain_ready)
        turns = [("customer", "Where is my lamp?", None), ("agent", "It comes tomorrow.", None)]
        for number in range(3):
            await opened.app[DB].write(
                lambda tx, n=number: conversations.import_conversation(tx, external_id=f"t{n}", turns=turns)
            )
        yield opened
        assert opened.complaints == []


async def admin(house: House, width: int = 1280) -> Page:
    await add_account(house.app[DB], email="ada@example.com", name="Ada", role="admin", password=PASSWORD)
    page = await house.sign_in(await house.context(width), "ada@example.com", PASSWORD)
    await page.goto(f"{house.url}/console/training.html")
    return page


async def picture(page: Page, name: str) -> None:
    if PICTURES is not None:
        await page.screenshot(path=PICTURES / f"{name}.png", full_page=True)


async def test_an_admin_trains_watches_cancels_promotes_and_rolls_back(house: House) -> None:
    page = await admin(house)
    await page.get_by_role("button", name="Train now").click()
    await expect(page.get_by_text("tuning the reply model: 3 of 9")).to_be_visible()
    await picture(page, "training-running")
    await page.get_by_role("button", name="Cancel").click()
    await expect(page.locator("#runs")).to_contain_text("cancelled by Ada")
    await page.get_by_role("button", name="Train now").click()
    await expect(page.locator("#runs .badge.published")).to_be_visible()
    await page.get_by_text("What the gate looked at").click()
    await expect(page.locator(".checks").first).to_contain_text("similarity of the best of three")
    await picture(page, "training-done")
    await page.get_by_role("link", name="Look at it").click()
    await expect(page.locator(".checks").first).to_be_visible()
    await expect(page.get_by_text("By group of questions")).to_be_visible()
    await page.get_by_role("button", name="Promote").click()
    await page.get_by_role("button", name="Really promote").click()
    await expect(page.locator(".badge.live")).to_have_count(1)
    await picture(page, "models")
    assert house.app[SERVICES].serving.ready
    await page.get_by_role("button", name="Roll back").click()
    await page.get_by_role("button", name="Really roll back").click()
    await expect(
        page.locator("li", has=page.get_by_text("starter", exact=True)).locator(".badge.live")
    ).to_be_visible()


async def test_what_was_refused_says_why_and_has_no_button(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    behave(monkeypatch, "worse")
    page = await admin(house, width=390)
    await page.get_by_role("button", name="Train now").click()
    await expect(page.locator("#runs .badge.refused")).to_be_visible()
    await expect(page.locator("#runs")).to_contain_text("not better beyond chance")
    await picture(page, "training-phone")
    await page.get_by_role("link", name="Models").click()
    await expect(page.locator(".badge.refused")).to_be_visible()
    await expect(page.get_by_role("button", name="Promote")).to_have_count(0)
    await picture(page, "models-phone")


async def test_the_schedule_is_kept(house: House) -> None:
    page = await admin(house)
    await page.get_by_label("Rounds begin").select_option("weekly")
    await page.get_by_label("on", exact=True).select_option("Wednesday")
    await page.get_by_label("at", exact=True).select_option("03:00")
    await page.get_by_label("A version that passes").select_option("goes live by itself at once")
    await page.get_by_role("button", name="Save").click()
    await expect(page.locator("#following")).to_contain_text("Next:")
    await page.reload()
    await expect(page.get_by_label("Rounds begin")).to_have_value("weekly")
    await expect(page.get_by_label("on", exact=True)).to_have_value("2")
    await expect(page.get_by_label("A version that passes")).to_have_value("gate")
