"""The first mile as anybody walks it: `serve --demo` in an empty folder, a customer, an agent, real models.

With DESKHAND_PICTURES=1 the pictures on the way are those of docs/images.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from uuid import uuid4

import pytest
from playwright.async_api import APIRequestContext, FrameLocator, Locator, Page, expect

from tests.scenarios.browser import CHROMIUM, Front, open_browser, open_chat, read_first, write

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="needs chromium"),
]

ROOT = Path(__file__).parents[2]
FOR_THE_DOCUMENTS = os.environ.get("DESKHAND_PICTURES") == "1"
START_SECONDS = 280
DRAFTS_MS = 120_000
"""Loading and drafting take seconds; a machine that does other work as well may take far longer."""

ORDER = "TT-104826"
LATE = f"Hi, my order {ORDER} still hasn't arrived, it was due on Thursday."
URGENT = "We leave on Friday night, so I am getting worried. Can you find out where it is?"
OTHERS = (
    "What does delivery to Norway cost?",
    "Lovely, the jumper fits perfectly. Thank you!",
    "Which size of the Skerry rain jacket should I take?",
    "I was charged £78.00 twice for one blanket.",
)
"""The rest of the inbox, in the pictures."""


@dataclass(frozen=True, slots=True)
class Greeting:
    """What `serve --demo` prints."""

    url: str
    email: str
    password: str


@asynccontextmanager
async def served(folder: Path) -> AsyncIterator[Greeting]:
    """The product in a process of its own, ready for work; asked to stop in the end, which it does well."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("DESKHAND_")}
    environ |= {"DESKHAND_DATA_DIR": str(folder / "data"), "DESKHAND_DRAIN_SECONDS": "0"}
    command = (sys.executable, "-m", "bot.cli", "serve", "--demo", "--port", "0")
    with (folder / "stderr").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *command, cwd=ROOT, env=environ, stdout=PIPE, stderr=log
        )
    try:
        assert process.stdout is not None
        yield await asyncio.wait_for(_greeting(process.stdout), START_SECONDS)
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 60) == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _greeting(said: asyncio.StreamReader) -> Greeting:
    shop, _, sign_in = [(await said.readline()).decode() for _ in range(3)]
    account = re.search(r"(\S+)  password (\S+)", sign_in)
    assert account, "the one-time password is printed"
    return Greeting(shop.split()[-1].rstrip("/"), account[1], account[2])


@pytest.fixture
async def greeting(tmp_path: Path) -> AsyncIterator[Greeting]:
    """A started product with nothing in its folder but the demo shop."""
    async with served(tmp_path) as printed:
        yield printed


@pytest.fixture
async def front(greeting: Greeting) -> AsyncIterator[Front]:
    """A browser before it, as soon as it says that it is ready; nothing may break in any page."""
    async with open_browser() as browser:
        opened = Front(greeting.url, browser)
        requests = (await opened.context()).request
        async with asyncio.timeout(START_SECONDS):
            while not await is_ready(requests, greeting.url):
                await asyncio.sleep(0.5)
        yield opened
        assert opened.complaints == []


async def is_ready(requests: APIRequestContext, url: str) -> bool:
    """Whether it takes work; a model that can't be loaded fails here instead of being waited for."""
    state = await (await requests.get(f"{url}/ready")).json()
    assert state["models"] != "failed", "the models could not be loaded, the log says why"
    return bool(state["status"] == "ready")


@pytest.fixture
def album(tmp_path: Path) -> Album:
    """Where the pictures go."""
    return Album(ROOT / "docs" / "images" if FOR_THE_DOCUMENTS else tmp_path)


@dataclass(frozen=True, slots=True)
class Album:
    """Pictures of pages, on a desk (1280x800) or a phone (390x844)."""

    folder: Path

    async def take(
        self, page: Page, name: str, *, on: Literal["desk", "phone"] = "desk", dark: bool = False
    ) -> None:
        """One picture, when everything stands still; the page is light and on a desk afterwards."""
        width, height = (1280, 800) if on == "desk" else (390, 844)
        await page.set_viewport_size({"width": width, "height": height})
        await page.emulate_media(color_scheme="dark" if dark else "light")
        await page.wait_for_timeout(500)
        await page.screenshot(path=self.folder / f"{name}.png")
        await page.set_viewport_size({"width": 1280, "height": 800})
        await page.emulate_media(color_scheme="light")


async def others_write(requests: APIRequestContext, url: str) -> None:
    """Some other visitors, each with a message of their own."""
    for text in OTHERS:
        made = await (await requests.post(f"{url}/api/customer/session", data={"locale": "en-GB"})).json()
        sent = await requests.post(
            f"{url}/api/customer/messages",
            data={"client_msg_id": str(uuid4()), "text": text},
            headers={"Authorization": f"Bearer {made['token']}"},
        )
        assert sent.ok


def drafts(console: Page) -> Locator:
    """The drafts that can be used, without a gap."""
    usable = console.locator(".card:not(.stale):not(.gone)")
    return usable.filter(has_not=console.locator(".gap"))


async def insert(console: Page) -> str:
    """Put the best complete draft into the composer with its number; its text."""
    await expect(drafts(console).first).to_be_visible(timeout=DRAFTS_MS)
    number = await drafts(console).first.get_attribute("data-number")
    assert number is not None
    await console.keyboard.press(number)
    field = console.get_by_label("Reply", exact=True)
    await expect(field).to_be_focused()
    text = await field.input_value()
    assert text
    return text


async def bubbles(frame: FrameLocator) -> list[str]:
    """The conversation as the customer sees it."""
    return await frame.locator(".bubble").all_text_contents()


async def outcomes(requests: APIRequestContext, url: str) -> dict[str, int]:
    """What became of the drafts so far, by the ledger."""
    text = await (await requests.get(f"{url}/metrics")).text()
    found = re.findall(r'^deskhand_suggestions\{outcome="(\w+)"\} (\d+)', text, re.MULTILINE)
    return {outcome: int(count) for outcome, count in found}


async def test_from_an_empty_folder_to_an_answered_customer(
    front: Front, greeting: Greeting, album: Album
) -> None:
    customer = await front.context()
    shop = await front.shop(customer)
    await album.take(shop, "shop")
    if FOR_THE_DOCUMENTS:
        await others_write(customer.request, front.url)
    chat = await open_chat(shop)
    await write(shop, LATE)
    await expect(chat.locator(".meta")).to_contain_text("Sent")

    console = await front.sign_in(await front.context(), greeting.email, greeting.password)
    await read_first(console)
    await expect(console.locator(".message.customer .text")).to_contain_text(ORDER)
    await expect(drafts(console).first).to_be_visible(timeout=DRAFTS_MS)
    assert 1 <= await console.locator(".card").count() <= 3
    await expect(console.locator("mark.entity[data-label='order id']")).to_contain_text(ORDER)
    await expect(console.locator(".chips .mooded")).to_be_visible()
    await expect(console.locator(".chips")).to_contain_text("delivery late")
    if FOR_THE_DOCUMENTS:
        await expect(console.locator(".row .mood")).to_have_count(1 + len(OTHERS), timeout=DRAFTS_MS)
    await album.take(console, "console")
    await album.take(console, "console-dark", dark=True)
    await album.take(console, "console-phone", on="phone")

    first = await insert(console)
    await console.keyboard.press("Enter")
    await expect(console.locator(".message.agent .arrival")).to_have_text("Delivered")
    await expect(console.locator("#strip")).to_be_hidden()
    await expect(chat.locator(".line:not(.mine) .bubble")).to_have_text(first)
    await album.take(shop, "widget")
    await album.take(shop, "widget-phone", on="phone")

    await customer.set_offline(True)
    await expect(chat.locator("#banner")).to_contain_text("You are offline")
    await chat.get_by_label("Your message").focus()
    await write(shop, URGENT)
    await expect(chat.locator(".line.waiting")).to_have_count(1)
    await console.reload()
    await expect(console.locator("#connection")).to_have_text("Live")
    await expect(console.locator(".message.agent")).to_have_count(1)
    await expect(console.locator(".message.customer")).to_have_count(1)
    await customer.set_offline(False)
    await expect(chat.locator(".line.waiting")).to_have_count(0)
    await expect(console.locator(".message.customer")).to_have_count(2)

    await shop.reload()
    chat = await open_chat(shop)
    await expect(chat.locator(".bubble")).to_have_count(3)
    assert await bubbles(chat) == [LATE, first, URGENT]

    second = await insert(console) + " Kind regards from the shop"
    await console.keyboard.type(" Kind regards from the shop")
    await console.keyboard.press("Enter")
    await expect(console.locator(".message.agent")).to_have_count(2)
    await expect(chat.locator(".bubble")).to_have_count(4)
    assert await bubbles(chat) == [LATE, first, URGENT, second]

    ended = await outcomes(console.request, front.url)
    assert (ended["accepted"], ended["edited"]) == (1, 1)
