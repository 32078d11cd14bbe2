"""Two versions side by side in a real browser: their drafts, blind, promoted and rolled back."""

from __future__ import annotations

import importlib
import json
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Locator, Page, expect

from bot import comparison
from bot.api.services import SERVICES
from bot.app import DB
from bot.cli_users import add_account
from nlp.registry import Registry
from storage import audit, conversations, model_versions
from tests.fakes import until
from tests.scenarios.browser import CHROMIUM, PASSWORD, House, open_house

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="needs chromium"),
]
PICTURES = Path(os.environ["DESKHAND_PICTURES"]) if "DESKHAND_PICTURES" in os.environ else None
NAME, REFUSED = "2026-11-29-2", "2026-11-29-1"
METRICS = {"gate": {"passed": True, "reasons": [], "checks": [], "questions": 240}, "conversations": 800}
ASKED = (
    "Hello, I ordered the brass lamp two weeks ago and it still is not here. Can you look where parcel {} is?"
)


@pytest.fixture
async def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    """A started Deskhand with answered conversations, a candidate and a refused version."""
    behave(monkeypatch, tmp_path, "quick")
    importlib.import_module("nlp.forgetting")  # a house with its models loaded has it
    async with open_house(tmp_path) as opened:
        await until(lambda: opened.app[SERVICES].state.brain_ready)
        for number in range(12):
            turns = [
                ("customer", "Good morning!", None),
                ("agent", "Good morning, how can I help?", None),
                ("customer", ASKED.format(number), None),
                ("agent", f"I have asked the courier: parcel {number} comes tomorrow before noon.", None),
            ]
            await opened.app[DB].write(
                lambda tx, n=number, t=turns: conversations.import_conversation(
                    tx, external_id=f"t{n}", turns=t, meta={"customer_name": "Ada"}
                )
            )
        await publish(opened, tmp_path)
        yield opened
        assert opened.complaints == []


def behave(monkeypatch: pytest.MonkeyPatch, folder: Path, behaviour: str) -> Path:
    note = folder / "orders.json"
    command = (sys.executable, "-m", "tests.bot.fake_drafter", behaviour, str(note))
    monkeypatch.setattr(comparison, "draft_command", lambda: command)
    return note


async def publish(house: House, folder: Path) -> None:
    registry = Registry(folder / "models")
    made = folder / "made"
    made.mkdir()
    (made / "note.json").write_text("{}")
    for name, passed in ((REFUSED, False), (NAME, True)):
        gate = {**METRICS["gate"], "passed": passed, "reasons": [] if passed else ["not better"]}
        registry.publish(name, made, {"gate": gate})
        await house.app[DB].write(
            lambda tx, n=name: model_versions.see(tx, n, parent="starter", metrics=METRICS)
        )
    await house.app[DB].write(lambda tx: model_versions.refuse(tx, REFUSED, reason="not better"))


async def admin(house: House, width: int = 1280, scheme: str = "light") -> Page:
    await add_account(house.app[DB], email="ada@example.com", name="Ada", role="admin", password=PASSWORD)
    context = await house.context(width, scheme=scheme)  # type: ignore[arg-type]
    page = await house.sign_in(context, "ada@example.com", PASSWORD)
    await page.goto(f"{house.url}/console/models.html")
    await expect(page.locator("#compare")).to_be_visible()
    return page


async def picture(page: Page, name: str) -> None:
    if PICTURES is not None:
        await page.screenshot(path=PICTURES / f"{name}.png", full_page=True)


def moments(page: Page) -> Locator:
    return page.locator(".moment")


async def test_an_admin_compares_promotes_and_rolls_back(house: House) -> None:
    page = await admin(house)
    await expect(page.get_by_label("Version", exact=True)).to_have_value("starter")
    await expect(page.get_by_label("and", exact=True)).to_have_value(NAME)
    await expect(page.locator("#right")).to_contain_text(f"{REFUSED} (refused)")
    await page.get_by_role("button", name="Compare").click()
    await expect(moments(page)).to_have_count(10)
    first = moments(page).first
    await expect(first).to_contain_text("What the agent sent")
    await expect(first.get_by_role("region", name="Drafts of starter")).to_contain_text("says starter.")
    await expect(first.get_by_role("region", name=f"Drafts of {NAME}")).to_contain_text("closer")
    await expect(page.locator("#verdict")).to_contain_text("10 conversations say little")
    await expect(page.locator("#verdict")).to_contain_text("the gate's 240 questions decide.")
    await first.get_by_text("2 other drafts").first.click()
    await expect(first.locator(".gap").first).to_be_visible()
    await picture(page, "compare")
    await page.get_by_role("button", name="Show others").click()
    await expect(moments(page)).to_have_count(12)
    await expect(page.get_by_role("button", name="Show others")).to_be_hidden()
    await expect(page.locator("#verdict")).to_contain_text("12 conversations:")
    item = page.locator(f'[id="{NAME}"]')
    await item.get_by_role("button", name="Promote").click()
    await item.get_by_role("button", name="Really promote").click()
    await expect(item.locator(".badge.live")).to_be_visible()
    await page.get_by_role("button", name="Roll back").click()
    await page.get_by_role("button", name="Really roll back").click()
    await expect(page.locator('[id="starter"] .badge.live')).to_be_visible()
    await expect(moments(page)).to_have_count(12)
    await page.get_by_role("button", name="Put away").click()
    await expect(moments(page)).to_have_count(0)


async def test_who_does_not_know_which_is_which_judges_by_keys(house: House) -> None:
    page = await admin(house, width=700, scheme="dark")
    await page.get_by_label("Hide which is which").check()
    await page.get_by_role("button", name="Compare").click()
    await expect(moments(page)).to_have_count(10)
    await expect(page.locator("#verdict")).to_contain_text("10 conversations to judge")
    await expect(page.get_by_text("like what was sent")).to_have_count(0)
    await expect(page.get_by_text("closer", exact=True)).to_have_count(0)
    await picture(page, "compare-blind")
    for number, key in enumerate("1201201201", start=1):
        await page.keyboard.press(key)
        await expect(page.get_by_text("your pick")).to_have_count(number - "1201201201"[:number].count("0"))
    tally = page.locator("#tally")
    await expect(tally).to_contain_text("neither in 3")
    await picture(page, "compare-judged")
    await expect(page.locator("#verdict")).to_contain_text("closer to what was sent in")
    await until_noted(house)
    async with house.app[DB].read() as tx:
        (entry,) = [one for one in await audit.entries(tx) if one.action == "models_compared"]
    assert entry.details["equal"] == 3 and entry.details["for_left"] + entry.details["for_right"] == 7
    assert f"{NAME} in {entry.details['for_right']}," in await tally.inner_text()


async def until_noted(house: House) -> None:
    for _ in range(200):
        async with house.app[DB].read() as tx:
            if any(one.action == "models_compared" for one in await audit.entries(tx)):
                return
    raise AssertionError("the tally was not noted")


async def test_leaving_the_page_or_stopping_ends_the_drafting(
    house: House, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    page = await admin(house, width=390)
    note = behave(monkeypatch, tmp_path, "slow")
    for leave in ("stop", "go"):
        note.unlink(missing_ok=True)
        await page.get_by_role("button", name="Compare").click()
        await expect(page.locator("#doing")).to_contain_text("loading", ignore_case=True)
        await until(note.exists)
        pid = json.loads(note.read_text())["pid"]
        await picture(page, f"compare-{leave}")
        if leave == "stop":
            await page.get_by_role("button", name="Stop").click()
            await expect(page.locator("#working")).to_be_hidden()
        else:
            await page.goto(f"{house.url}/console/training.html")
        await until(lambda pid=pid: not Path(f"/proc/{pid}").exists())
