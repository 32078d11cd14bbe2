"""A candidate that is tried, in a real browser: in shadow, as a canary, stopped, by keyboard alone."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random
from typing import Any, Literal
from uuid import uuid4

import pytest
from playwright.async_api import Page, expect

from bot.api.services import SERVICES
from bot.app import DB
from bot.cli_users import add_account
from storage import conversations, model_versions, shadow, stages
from storage.shadow import Nearness, Waiting
from tests.bot.reviewed import reviewed
from tests.bot.staged import CANDIDATE, publish
from tests.fakes import FakeBrain, until
from tests.scenarios.browser import CHROMIUM, PASSWORD, House, open_house

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="needs chromium"),
]
PICTURES = Path(os.environ["DESKHAND_PICTURES"]) if "DESKHAND_PICTURES" in os.environ else None


@pytest.fixture
async def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    """A started Deskhand with a candidate; nothing may have broken in any page of it."""
    async with open_house(tmp_path) as opened:
        desk = opened.app[SERVICES]
        await until(lambda: desk.state.brain_ready)
        publish(desk.settings.data_dir, CANDIDATE)
        await opened.app[DB].write(lambda tx: model_versions.see(tx, CANDIDATE, parent="starter"))
        monkeypatch.setattr(desk.brains, "_load_brain", lambda: FakeBrain(CANDIDATE))
        yield opened
        assert opened.complaints == []


async def models(house: House, width: int = 1280, scheme: Literal["light", "dark"] = "light") -> Page:
    """The page of models, as an admin sees it."""
    page = await house.sign_in(await house.context(width, scheme=scheme), "ada@example.com", PASSWORD)
    await page.goto(f"{house.url}/console/models.html")
    return page


async def picture(page: Page, name: str) -> None:
    if PICTURES is not None:
        await page.screenshot(path=PICTURES / f"{name}.png", full_page=True)


async def measured(house: House, count: int) -> None:
    """So many moments that agents have answered, half of them in their own words."""
    rng = Random(4)

    async def store(tx: Any) -> None:
        stage = await stages.running(tx)
        assert stage is not None
        for at in range(count):
            made = await conversations.import_conversation(
                tx, external_id=str(uuid4()), turns=[("customer", "Where is my lamp?", None)]
            )
            (asked,) = await conversations.messages_after(tx, made.conversation.id, 0)
            near = [min(1.0, max(0.0, rng.gauss(mean, 0.12))) for mean in (0.68, 0.55, 0.57, 0.46)]
            await shadow.add(
                tx,
                stage_id=stage.id,
                message_id=asked.id,
                conversation_id=made.conversation.id,
                drafts=["It left."],
                latency_ms=800,
            )
            one = Waiting(stage.id, asked.id, "", (), (), own=at % 2 == 0)
            await shadow.measured(tx, one, Nearness(*near))

    await house.app[DB].write(store)


async def drawn(page: Page) -> Page:
    """The page, once the figures are there."""
    await expect(page.locator("#stage .verdict")).to_be_visible()
    return page


async def press(page: Page, name: str) -> None:
    """A button, by keyboard."""
    await page.get_by_role("button", name=name, exact=True).focus()
    await page.keyboard.press("Enter")


async def test_a_candidate_is_tried_in_shadow_then_as_a_canary_and_stopped(house: House) -> None:
    db = house.app[DB]
    ada = await add_account(db, email="ada@example.com", name="Ada", role="admin", password=PASSWORD)
    page = await models(house)
    await press(page, "Try in shadow")
    card = page.locator("#stage")
    await expect(card.locator("[aria-current=step]")).to_have_text("Shadow")
    await expect(card).to_contain_text("Too few yet: at least 20 more moments")
    await expect(page.get_by_role("button", name="Try in shadow")).to_have_count(0)
    await picture(page, "shadow-begun")
    await measured(house, 160)
    await page.reload()
    await expect(card.locator(".verdict")).to_contain_text("Better: +1")
    await expect(card.get_by_role("img", name="Candidate less champion")).to_be_visible()
    await picture(page, "shadow")
    await picture(await drawn(await models(house, 700, "dark")), "shadow-dark-700")
    await press(page, "Canary")
    await press(page, "Really serve customers")
    await expect(card.locator("[aria-current=step]")).to_have_text("Canary")
    for _ in range(14):
        await reviewed(db, ada.id, [(0.8, at % 5 > 1) for at in range(5)], CANDIDATE)
    for _ in range(40):
        await reviewed(db, ada.id, [(0.8, at % 2 > 0) for at in range(6)])
    await page.reload()
    await expect(card.locator(".verdict")).to_contain_text("Agents took 60% of its drafts (70 decisions)")
    await expect(card.locator(".verdict")).to_contain_text("and 50% of the champion's at the same time")
    await expect(card).to_contain_text("130 more decisions needed without harm")
    await picture(page, "canary")
    await picture(await drawn(await models(house, 390)), "canary-phone")
    await press(page, "Stop")
    await press(page, "Really stop")
    await expect(card).to_be_hidden()
    line = page.locator("li", has=page.get_by_text(CANDIDATE, exact=True))
    await expect(line).to_contain_text("Canary was stopped")
    await expect(line.get_by_role("button", name="Try in shadow")).to_be_visible()
    assert house.app[SERVICES].serving.guest is None
    await picture(page, "stopped")
