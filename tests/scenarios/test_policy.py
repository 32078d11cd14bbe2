"""The page of the policy in a real browser: wrong hours are pointed at, and right ones reach the customer."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.async_api import expect

from bot.api.services import SERVICES
from bot.app import DB
from bot.cli_users import add_account
from tests.fakes import until
from tests.scenarios.browser import CHROMIUM, PASSWORD, House, open_chat, open_house, write

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="needs chromium"),
]


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """A started Deskhand; nothing may have broken in any page of it."""
    async with open_house(tmp_path) as opened:
        await until(lambda: opened.app[SERVICES].state.brain_ready)
        yield opened
        assert opened.complaints == []


async def test_hours_are_set_and_a_customer_reads_when_we_are_back(house: House) -> None:
    await add_account(house.app[DB], email="ada@example.com", name="Ada", role="admin", password=PASSWORD)
    page = await house.sign_in(await house.context(), "ada@example.com", PASSWORD)
    await page.goto(f"{house.url}/console/policy.html")
    await page.get_by_label("These hours").check()
    await page.get_by_label("Time zone").fill("Europe/Atlantis")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("alert")).to_contain_text("no such time zone")
    await expect(page.get_by_label("Time zone")).to_be_focused()
    await page.keyboard.press("Control+a")
    await page.keyboard.type("UTC")
    open_on = (datetime.now(UTC) + timedelta(days=3)).strftime("%A")
    for day in ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"):
        await page.get_by_label(day, exact=True).fill("09:00 – 17:30" if day == open_on else "")
    await page.keyboard.press("Enter")
    await expect(page.locator("#example")).to_contain_text(f"on {open_on} from 9:00 (UTC)")
    await page.get_by_label("Rules for").select_option("slack")
    await expect(page.get_by_label("As for all channels").first).to_be_checked()

    shop = await house.shop(await house.context())
    frame = await open_chat(shop)
    await write(shop, "Where is my order?")
    await expect(frame.get_by_text(f"A colleague will answer on {open_on} from 9:00")).to_be_visible()
