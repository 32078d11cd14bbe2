"""The page of automatic replies in a real browser: too early, switched on, reviewed by keys, stopped."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from bot.api.services import SERVICES
from bot.app import DB
from bot.cli_users import add_account
from tests.bot.reviewed import TEXT, all_good, reviewed
from tests.fakes import draft, until
from tests.scenarios.browser import CHROMIUM, PASSWORD, House, open_chat, open_house, write

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="needs chromium"),
]


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """A started Deskhand that asks about every automatic reply; nothing may have broken in any page of it."""
    async with open_house(tmp_path) as opened:
        await until(lambda: opened.app[SERVICES].state.brain_ready)
        spine = opened.app[SERVICES].conversations
        spine._policy = replace(spine.policy, review_share=1.0)
        yield opened
        assert opened.complaints == []


async def switch_on(page: Page) -> None:
    await page.get_by_label("Automatic replies").check()
    await page.get_by_label("5 in 100").check()
    await page.get_by_role("button", name="Save").click()


async def test_an_admin_switches_on_reviews_and_sees_it_stop(house: House) -> None:
    db = house.app[DB]
    ada = await add_account(db, email="ada@example.com", name="Ada", role="admin", password=PASSWORD)
    await reviewed(db, ada.id, all_good(18))
    page = await house.sign_in(await house.context(), "ada@example.com", PASSWORD)
    await page.get_by_role("link", name="Admin").click()
    await page.get_by_role("link", name="Automatic replies").click()
    await expect(page.locator("#rate-5-about")).to_have_text("41 more reviewed suggestions needed")
    await switch_on(page)
    await expect(page.get_by_role("alert")).to_contain_text("Not switched on. 41 more reviewed suggestions")
    await expect(page.locator("#state")).to_contain_text("Every suggestion waits for an agent")

    await reviewed(db, ada.id, [(0.9 + at / 1000, True) for at in range(50)])
    await switch_on(page)
    await expect(page.locator("#state")).to_contain_text("On. Suggestions of fake-1 that score 0.80 or more")
    await expect(page.get_by_role("img", name="At 5 % tolerated, 100 of 100 messages")).to_be_visible()

    house.brain.answers.extend([[draft(TEXT, score=0.95)], [draft(TEXT, score=0.96)]])
    customer = await house.shop(await house.context())
    frame = await open_chat(customer)
    for number in (1, 2):
        await write(customer, f"Where is my order, the parcel of day {number}?")
        await expect(frame.get_by_text("This is an automatic reply.")).to_have_count(number)

    await page.reload()
    await expect(page.get_by_text("0 right, 0 wrong; 2 to go")).to_be_visible()
    await expect(page.locator(".judged")).to_contain_text(TEXT)
    await page.keyboard.press("r")
    await expect(page.get_by_text("1 right, 0 wrong; 1 to go")).to_be_visible()
    await page.get_by_role("button", name="Undo").click()
    await expect(page.get_by_text("0 right, 0 wrong; 2 to go")).to_be_visible()
    await page.keyboard.press("r")
    await page.keyboard.press("w")
    await expect(page.locator("#state")).to_contain_text("Stopped by itself. Of 70 reviewed replies")
    await expect(page.locator("#queue")).to_have_text("Nothing to review at the moment.")


async def test_agents_are_told_that_only_admins_set_it(house: House) -> None:
    console = await house.console(await house.context())
    await console.goto(f"{house.url}/console/automatic.html")
    await expect(console.locator("#state")).to_contain_text("Only admins")
    await expect(console.get_by_role("button", name="Save")).to_be_hidden()
