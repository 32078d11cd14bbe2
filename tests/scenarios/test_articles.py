"""The page of articles in a real browser: an admin searches, publishes a draft, and dismisses one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import expect

from bot.api.services import SERVICES
from bot.app import DB
from bot.cli_users import add_account
from storage import article_drafts
from tests.bot.test_article_drafts import log_of, understood
from tests.fakes import until
from tests.scenarios.browser import CHROMIUM, PASSWORD, House, open_house

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="needs chromium"),
]
SEARCH_MS = 120_000
"""A process of its own is started for it."""


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """A started Deskhand with a log; nothing may have broken in any page of it."""
    async with open_house(tmp_path) as opened:
        await until(lambda: opened.app[SERVICES].state.brain_ready)
        opened.brain._next_reading = understood  # type: ignore[method-assign]
        await log_of(opened.app[DB])
        yield opened
        assert opened.complaints == []


async def test_a_draft_is_edited_published_and_another_dismissed(house: House) -> None:
    db = house.app[DB]
    await add_account(db, email="ada@example.com", name="Ada", role="admin", password=PASSWORD)
    page = await house.sign_in(await house.context(), "ada@example.com", PASSWORD)
    await page.get_by_role("link", name="Admin").click()
    await page.get_by_role("link", name="Articles").click()
    await page.get_by_role("button", name="Search conversations").click()
    await expect(page.locator(".draft")).to_have_count(1, timeout=SEARCH_MS)
    await expect(page.get_by_label("Text")).to_have_value(
        "Choose the engraving on the product page.\nType up to twenty letters into the field."
    )
    await page.get_by_text("Made of 7 conversations").click()
    await expect(page.locator(".made a")).to_have_count(7)
    async with db.read() as tx:
        (draft,) = await article_drafts.list_drafts(tx, "proposed")

    await page.get_by_label("Title").fill("Engraving")
    await page.get_by_label("Address").fill("engraving")
    await page.keyboard.press("Enter")
    await expect(page.locator("#articles strong")).to_have_text("Engraving")
    await expect(page.locator(".draft")).to_have_count(0)

    again = article_drafts.Proposal("Can you wrap it?", "Yes.", draft.conversations, 7, 0.2, "Engraving")
    await db.write(lambda tx: article_drafts.propose(tx, [again]))
    await page.reload()
    await expect(page.locator(".facts")).to_contain_text("nearest article: “Engraving”, too far (20 %)")
    await page.get_by_label("Address").fill("engraving")
    await page.get_by_role("button", name="Publish").click()
    await expect(page.get_by_role("alert")).to_contain_text("Choose another one")
    await page.get_by_role("button", name="Dismiss").click()
    await page.get_by_role("button", name="Really dismiss").click()
    await expect(page.locator(".draft")).to_have_count(0)
    async with db.read() as tx:
        (gone,) = await article_drafts.list_drafts(tx, "dismissed")
    assert gone.title == "Can you wrap it?"


async def test_agents_find_no_way_to_it(house: House) -> None:
    console = await house.console(await house.context())
    await console.goto(f"{house.url}/console/articles.html")
    await expect(console.locator("#state")).to_contain_text("Only admins")
    await expect(console.get_by_role("button", name="Search conversations")).to_be_disabled()
