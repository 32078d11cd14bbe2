"""The pages of people and of the audit log in a real browser: a colleague comes, is promoted, and is locked
out while at work, and all of it is in the log."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from bot.app import DB
from bot.cli_users import add_account
from tests.scenarios.browser import CHROMIUM, PASSWORD, House, open_house

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="needs chromium"),
]


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """A started Deskhand; nothing may have broken in any page of it."""
    async with open_house(tmp_path) as opened:
        yield opened
        assert opened.complaints == []


async def admin_page(house: House, name: str) -> Page:
    await add_account(house.app[DB], email="ada@example.com", name="Ada", role="admin", password=PASSWORD)
    page = await house.sign_in(await house.context(), "ada@example.com", PASSWORD)
    await page.get_by_role("link", name="Admin").click()
    await page.get_by_role("link", name=name).click()
    return page


async def test_a_colleague_comes_is_locked_out_at_work_and_the_log_tells_it(house: House) -> None:
    page = await admin_page(house, "People")
    await page.get_by_label("Name, as customers see it").fill("Mia Park")
    await page.keyboard.press("Tab")
    await page.keyboard.type("mia@example.com")
    await page.keyboard.press("Enter")
    password = await page.get_by_label("Password", exact=True).inner_text()
    await page.get_by_role("button", name="I have passed it on").click()
    await expect(page.get_by_text(password)).to_have_count(0)

    mia = await (await house.context()).new_page()
    await mia.goto(f"{house.url}/console/")
    await mia.get_by_label("E-mail").fill("mia@example.com")
    await mia.get_by_label("Password", exact=True).fill(password)
    await mia.keyboard.press("Enter")
    await expect(mia.get_by_label("Your own, ten characters or more")).to_be_focused()
    await mia.keyboard.type("my-own-long-password")
    await mia.keyboard.press("Tab")
    await mia.keyboard.type("my-own-wrong-password")
    await mia.keyboard.press("Enter")
    await expect(mia.get_by_role("alert")).to_contain_text("not the same")
    await mia.keyboard.type("my-own-long-password")
    await mia.keyboard.press("Enter")
    await expect(mia.locator("#connection")).to_have_text("Live")

    line = page.locator("#people li", has_text="mia@example.com")
    await page.reload()
    await expect(line).to_contain_text("signed in")
    await line.get_by_role("button", name="Disable Mia Park").click()
    await line.get_by_role("button", name="Really disable").click()
    await expect(line).to_contain_text("Disabled")
    await expect(mia.get_by_label("E-mail")).to_be_visible()

    await page.get_by_label("Role of Ada").select_option("agent")
    await expect(page.locator(".notice", has_text="last admin")).to_be_visible()
    await expect(page.get_by_label("Role of Ada")).to_have_value("admin")

    await page.get_by_role("link", name="Audit").click()
    entries = page.locator(".entries li")
    await expect(entries.first).to_contain_text("ada@example.com disabled the account mia@example.com")
    await page.get_by_label("What").select_option("account_added")
    await expect(entries).to_have_count(2)
    await expect(entries.first).to_contain_text("role: agent")
    await page.reload()
    await expect(entries).to_have_count(2)
    async with page.expect_download() as waiting:
        await page.get_by_role("link", name="Download CSV").click()
    saved = Path(str(await (await waiting.value).path())).read_text()
    assert saved.count("account_added") == 2 and password not in saved
    await page.get_by_label("Day").fill("2020-01-01")
    await expect(page.locator("#state")).to_contain_text("Nothing like this")
    await page.get_by_role("button", name="Show all").click()
    await expect(entries.nth(3)).to_be_visible()


async def test_agents_find_no_way_to_either(house: House) -> None:
    console = await house.console(await house.context())
    for name in ("people", "audit"):
        await console.goto(f"{house.url}/console/{name}.html")
        await expect(console.locator("#state")).to_contain_text("Only admins")
        await expect(console.locator("form")).to_be_hidden()
