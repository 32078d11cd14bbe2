"""Takes the pictures in docs/images, of a made-up afternoon in the demo shop.

Run it as `python -m tests.scenarios.pictures`.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Sequence
from pathlib import Path

from playwright.async_api import Page, expect

from bot.api.services import SERVICES
from bot.app import DB
from bot.messages import Inbound
from nlp.types import Analysis, Draft, Entity, Intent, ReplyRequest, Sentiment
from storage import conversations
from storage.records import Customer
from tests.fakes import FakeBrain, vector_of
from tests.scenarios.browser import House, open_chat, open_house, read_first, write

IMAGES = Path(__file__).parents[2] / "docs" / "images"

QUESTION = "Hello, order TT-104826 should have come on Thursday. It's the Plover hiking boots for Saturday."
MORE = "We leave for Kendal on Friday night, so I'm getting a bit worried."
OTHERS = (
    ("Priya Patel", "Lovely, the jumper fits perfectly. Thank you!", "praise", 0.03),
    ("Tomasz Novak", "I was charged £78.00 twice for one blanket.", "double_charge", 0.93),
    ("Hannah Griffiths", "Which size of the Skerry rain jacket for 1.72 m?", "size_advice", 0.06),
    ("Marcus Doyle", "The zip of my tent has come off after two nights", "item_faulty", 0.88),
    ("Isla Fraser", "Can I still change the address of TT-104790?", "delivery_address_change", 0.12),
    ("Owen Reid", "What does delivery to Norway cost?", "international_delivery", 0.04),
)
SPANS = {
    "TT-104826": ("order_id", 0.99, "recogniser"),
    "TT-104790": ("order_id", 0.99, "recogniser"),
    "£78.00": ("amount", 0.99, "recogniser"),
    "Thursday": ("date", 0.86, "tagger"),
    "Friday night": ("date", 0.83, "tagger"),
    "Saturday": ("date", 0.84, "tagger"),
    "Plover hiking boots": ("product", 0.99, "catalogue"),
    "Skerry rain jacket": ("product", 0.99, "catalogue"),
    "Kendal": ("city", 0.55, "tagger"),
}
DRAFTS = (
    (
        "I'm sorry that TT-104826 is late. I have asked the courier where it is and will write to you again "
        "today. If it can't be with you by Friday, we send a second pair by express, at no cost.",
        0.83,
        "generated",
        (),
    ),
    (
        "Thank you for your patience. You can see the last scan of your parcel at "
        "https://ternandthistle.example/track with [tracking number].",
        0.71,
        "reply",
        ("tracking_number",),
    ),
    (
        "Standard delivery takes 2 to 4 working days. If the tracking has not moved for 7 working days, we "
        "count the parcel as lost and you choose between a replacement and a refund.",
        0.58,
        "article",
        (),
    ),
)


class PictureBrain(FakeBrain):
    """Reads and drafts what the pictures show."""

    def understand(self, texts: Sequence[str]) -> list[Analysis]:
        """By the tables above."""
        return [self._read(text) for text in texts]

    def suggest(self, requests: Sequence[ReplyRequest]) -> list[list[Draft]]:
        """The same three for everybody."""
        drafts = [
            Draft(text, text, score, source, unfilled=gaps)  # type: ignore[arg-type]
            for text, score, source, gaps in DRAFTS
        ]
        return [drafts for _ in requests]

    def _read(self, text: str) -> Analysis:
        known = {said: (intent, negative) for _, said, intent, negative in OTHERS}
        intent, negative = known.get(text, ("delivery_late", 0.64 if text == MORE else 0.42))
        rest = 1 - negative
        positive = rest * (0.96 if intent == "praise" else 0.12)
        entities = [
            Entity(kind, span, text.index(span), text.index(span) + len(span), span, score, source)  # type: ignore[arg-type]
            for span, (kind, score, source) in SPANS.items()
            if span in text
        ]
        mood = Sentiment(negative, rest - positive, positive)
        return Analysis("en", 0.99, mood, tuple(entities), Intent(intent, 0.87), vector_of(text))


async def others_write(house: House) -> None:
    """The rest of the inbox."""
    desk = house.app[SERVICES]
    for name, text, _, _ in reversed(OTHERS):

        async def create(tx: object, name: str = name) -> Customer:
            return await conversations.create_customer(tx, display_name=name, token_hash=None, locale="en-GB")  # type: ignore[arg-type]

        customer = await house.app[DB].write(create)
        await desk.conversations.receive(
            Inbound(
                channel="web", customer_id=customer.id, text=text, client_msg_id=f"picture-{name.split()[0]}"
            )
        )


async def picture(page: Page, name: str) -> None:
    """One file, when everything stands still."""
    await page.wait_for_timeout(500)
    await page.screenshot(path=IMAGES / f"{name}.png")


async def both_schemes(page: Page, name: str) -> None:
    """The same in light and dark."""
    await picture(page, name)
    await page.emulate_media(color_scheme="dark")
    await picture(page, f"{name}-dark")
    await page.emulate_media(color_scheme="light")


async def take(house: House) -> None:
    """The afternoon, and a picture wherever it is worth one."""
    await others_write(house)
    shop = await house.shop(await house.context())
    await picture(shop, "shop")
    chat = await open_chat(shop)
    await write(shop, QUESTION)
    await expect(chat.locator(".meta")).to_contain_text("Sent")
    await write(shop, MORE)
    console = await house.console(await house.context(height=860))
    await read_first(console)
    await expect(console.locator(".card:not(.stale)")).to_have_count(3)
    await expect(console.locator(".chips")).to_have_count(2)
    await both_schemes(console, "console")
    await console.set_viewport_size({"width": 390, "height": 844})
    await picture(console, "console-phone")
    await console.set_viewport_size({"width": 1280, "height": 860})
    await console.keyboard.press("2")
    await console.keyboard.press("Enter")
    await picture(console, "console-gap")
    await console.keyboard.press("Escape")
    await console.keyboard.press("1")
    await console.keyboard.press("Enter")
    await expect(chat.locator(".line:not(.mine)")).to_have_count(1)
    await both_schemes(shop, "widget")
    await shop.set_viewport_size({"width": 390, "height": 844})
    await picture(shop, "widget-phone")


async def main() -> None:
    """Into docs/images."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        async with open_house(Path(folder), PictureBrain("starter")) as house:
            await take(house)


if __name__ == "__main__":
    asyncio.run(main())
