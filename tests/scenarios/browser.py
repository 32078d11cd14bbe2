"""A real browser in front of a started Deskhand, and how a visitor and an agent arrive; no scenario.

A House is started here, with real database, spine and pages and a fake brain. A Front is any Deskhand
that a browser can reach, started by whomever.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from aiohttp import web
from playwright.async_api import Browser, BrowserContext, FrameLocator, Page, async_playwright, expect

from bot.app import DB, build_app
from bot.cli_users import add_account
from bot.settings import Settings
from tests.fakes import FakeBrain

CHROMIUM = Path(os.environ.get("CHROMIUM", "/usr/bin/chromium"))
PASSWORD = "correct-horse-battery"
PATIENCE_MS = 20_000
_SWITCHES = (
    "--no-sandbox --disable-gpu --disable-background-networking --disable-component-update "
    "--disable-sync --no-first-run"
).split()

expect.set_options(timeout=PATIENCE_MS)


@dataclass(slots=True)
class Front:
    """A browser before a running Deskhand, and what the pages complained of."""

    url: str
    browser: Browser
    complaints: list[str] = field(default_factory=list)

    async def context(
        self, width: int = 1280, height: int = 800, scheme: Literal["light", "dark"] = "light"
    ) -> BrowserContext:
        """A browser profile of its own; what breaks in its pages becomes a complaint."""
        context = await self.browser.new_context(
            viewport={"width": width, "height": height}, color_scheme=scheme, locale="en-GB"
        )
        context.set_default_timeout(PATIENCE_MS)
        context.on("weberror", lambda error: self.complaints.append(str(error.error)))
        context.on("dialog", lambda dialog: self.complaints.append(f"dialog: {dialog.message}"))
        context.on("console", lambda said: self._heard(said.type, said.text))
        return context

    def _heard(self, kind: str, text: str) -> None:
        # A refused sign-in and a line that is down are reported by the browser and are no fault of the page.
        if kind == "error" and not text.startswith(("Failed to load resource", "WebSocket connection to")):
            self.complaints.append(text)

    async def shop(self, context: BrowserContext) -> Page:
        """The demo shop, freshly loaded."""
        page = await context.new_page()
        await page.goto(self.url)
        return page

    async def sign_in(self, context: BrowserContext, email: str, password: str) -> Page:
        """The console, signed in to by keyboard alone."""
        page = await context.new_page()
        await page.goto(f"{self.url}/console/")
        await expect(page.get_by_label("E-mail")).to_be_focused()
        await page.keyboard.type(email)
        await page.keyboard.press("Tab")
        await page.keyboard.type(password)
        await page.keyboard.press("Enter")
        await expect(page.locator("#connection")).to_have_text("Live")
        return page


@dataclass(slots=True, kw_only=True)
class House(Front):
    """A Deskhand that runs in this process, with a fake brain, and a browser before it."""

    brain: FakeBrain
    app: web.Application

    async def console(self, context: BrowserContext, name: str = "Moira Fraser") -> Page:
        """The console with a new agent signed in."""
        email = f"{name.split()[0].lower()}@example.com"
        await add_account(self.app[DB], email=email, name=name, role="agent", password=PASSWORD)
        return await self.sign_in(context, email, PASSWORD)


def chat(page: Page) -> FrameLocator:
    """The widget's frame on a shop's page."""
    return page.frame_locator("deskhand-widget iframe")


async def open_chat(page: Page) -> FrameLocator:
    """Press the launcher by keyboard; the focus is in the message field afterwards."""
    await page.get_by_role("button", name="Chat with us").focus()
    await page.keyboard.press("Enter")
    frame = chat(page)
    await expect(frame.get_by_label("Your message")).to_be_focused()
    return frame


async def write(page: Page, text: str) -> None:
    """Type into whatever has the focus, and send."""
    await page.keyboard.type(text)
    await page.keyboard.press("Enter")


async def read_first(console: Page) -> None:
    """Open the first conversation of the list by keyboard, as soon as there is one."""
    await expect(console.locator(".row").first).to_be_visible()
    await console.keyboard.press("j")


@asynccontextmanager
async def open_browser() -> AsyncIterator[Browser]:
    """Debian's Chromium, which speaks to nobody but our pages."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=_SWITCHES)
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def open_house(
    folder: Path, brain: FakeBrain | None = None, *, trains: bool = False
) -> AsyncIterator[House]:
    """Start the server on a free port and a browser."""
    brain = brain or FakeBrain()
    app = build_app(
        Settings(data_dir=folder, shop_name="Tern & Thistle"),
        load_brain=lambda: brain,
        demo=True,
        trains=trains,
    )
    runner = web.AppRunner(app, shutdown_timeout=2)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        async with open_browser() as browser:
            yield House(url, browser, brain=brain, app=app)
    finally:
        await runner.cleanup()
