"""The page of new intents in a real browser: an admin searches, and names what was found by Enter alone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import expect

from bot.api.services import SERVICES
from bot.app import DB
from bot.cli_users import add_account
from storage import conversations
from tests.bot.test_new_intents import ENGRAVING, STRANGE, unknown
from tests.fakes import until
from tests.scenarios.browser import CHROMIUM, PASSWORD, House, open_house

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="needs chromium"),
]
SEARCH_MS = 60_000
"""A process of its own is started for it."""


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """A started Deskhand with a log; nothing may have broken in any page of it."""
    async with open_house(tmp_path) as opened:
        await until(lambda: opened.app[SERVICES].state.brain_ready)
        opened.brain._next_reading = unknown  # type: ignore[method-assign]
        for number, text in enumerate([*ENGRAVING, *STRANGE]):
            await opened.app[DB].write(
                lambda tx, n=number, t=text: conversations.import_conversation(
                    tx, external_id=f"z{n}", turns=[("customer", t, None)]
                )
            )
        yield opened
        assert opened.complaints == []


async def test_an_admin_names_what_was_found_by_enter_and_removes_it(house: House) -> None:
    await add_account(house.app[DB], email="ada@example.com", name="Ada", role="admin", password=PASSWORD)
    page = await house.sign_in(await house.context(), "ada@example.com", PASSWORD)
    await page.get_by_role("link", name="Admin").click()
    await page.get_by_role("link", name="New intents").click()
    await page.get_by_role("button", name="Search the log").click()
    await expect(page.locator(".group")).to_have_count(1, timeout=SEARCH_MS)
    name = page.get_by_label("Intent")
    await expect(name).not_to_have_value("")
    await name.fill("engraving")
    await page.keyboard.press("Enter")
    await expect(page.locator("#named strong")).to_have_text("engraving")
    await expect(page.locator(".group")).to_have_count(0)
    await page.get_by_role("button", name="Remove").click()
    await page.get_by_role("button", name="Really remove").click()
    await expect(page.locator("#namedpart")).to_be_hidden()


async def test_agents_find_no_way_to_it(house: House) -> None:
    console = await house.console(await house.context())
    await expect(console.get_by_role("link", name="Admin")).to_be_hidden()
    await console.goto(f"{house.url}/console/intents.html")
    await expect(console.locator("#state")).to_contain_text("Only admins")
    await expect(console.get_by_role("button", name="Search the log")).to_be_disabled()
