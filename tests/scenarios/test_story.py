"""The whole story in a real browser: a customer in the shop's chat, an agent with a keyboard and no mouse."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import pytest
from playwright.async_api import FrameLocator, Page, Route, WebSocketRoute, expect

from bot.app import DB
from storage import conversations
from storage.database import Transaction
from tests.fakes import draft, reading
from tests.scenarios.browser import CHROMIUM, House, open_chat, open_house, read_first, write

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="needs chromium"),
]

ORDER = "TT-104826"


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """A started Deskhand; nothing may have broken in any page of it."""
    async with open_house(tmp_path) as opened:
        yield opened
        assert opened.complaints == []


async def bubbles(frame: FrameLocator) -> list[str]:
    """The texts of the conversation as the customer sees them, in order."""
    return await frame.locator(".bubble").all_text_contents()


async def unread_of(page: Page) -> str | None:
    """What the launcher is called."""
    return await page.locator("deskhand-widget button").get_attribute("aria-label")


async def test_a_customer_asks_and_an_agent_answers_by_keyboard(house: House) -> None:
    shop = await house.shop(await house.context())
    frame = await open_chat(shop)
    await write(shop, f"Where is my order {ORDER}?")
    await expect(frame.locator(".meta")).to_contain_text("Sent")

    console = await house.console(await house.context())
    await read_first(console)
    await expect(console.locator(".card")).to_have_count(3)
    await expect(console.locator("mark.entity")).to_have_attribute("data-label", "order id")
    await expect(console.locator(".chips")).to_contain_text("order status")
    await console.keyboard.press("2")
    await expect(console.get_by_label("Reply", exact=True)).to_be_focused()
    await write(console, " Kind regards")
    await expect(console.locator(".message.agent .arrival")).to_have_text("Delivered")
    await expect(console.locator("#strip")).to_be_hidden()
    await expect(frame.locator(".line:not(.mine)")).to_contain_text(f"{ORDER} (2) Kind regards")

    await shop.reload()
    frame = await open_chat(shop)
    await expect(frame.locator(".bubble")).to_have_count(2)
    await write(shop, "Thank you!")
    await expect(console.locator(".message.customer")).to_have_count(2)
    await write(console, "You are welcome.")
    await expect(frame.locator(".bubble")).to_have_count(4)
    assert (await bubbles(frame))[2:] == ["Thank you!", "You are welcome."]


async def test_what_is_written_without_a_line_arrives_once_and_in_order(house: House) -> None:
    context = await house.context()
    shop = await house.shop(context)
    frame = await open_chat(shop)
    await write(shop, "First")
    await expect(frame.locator(".meta")).to_contain_text("Sent")
    console = await house.console(await house.context())
    await read_first(console)
    await expect(console.locator(".message.customer")).to_have_count(1)

    await context.set_offline(True)
    await expect(frame.locator("#banner")).to_contain_text("You are offline")
    await write(shop, "Second")
    await write(shop, "Third")
    await expect(frame.locator(".line.waiting")).to_have_count(2)
    await console.keyboard.press("c")
    await write(console, "Answer while you were away")
    await expect(console.locator(".message.agent .arrival")).to_have_count(1)
    await expect(console.locator(".message.customer")).to_have_count(1)

    await context.set_offline(False)
    await expect(frame.locator(".line.waiting")).to_have_count(0)
    await expect(frame.locator("#banner")).to_be_hidden()
    await expect(console.locator(".message.customer")).to_have_count(3)
    assert await bubbles(frame) == ["First", "Answer while you were away", "Second", "Third"]

    await shop.reload()
    frame = await open_chat(shop)
    await expect(frame.locator(".bubble")).to_have_count(4)
    assert await bubbles(frame) == ["First", "Answer while you were away", "Second", "Third"]


async def test_a_reload_while_offline_messages_wait_loses_none(house: House) -> None:
    context = await house.context()
    shop = await house.shop(context)
    frame = await open_chat(shop)
    await context.set_offline(True)
    await write(shop, "Written in a tunnel")
    await expect(frame.locator(".line.waiting")).to_have_count(1)
    await shop.close()
    await context.set_offline(False)

    shop = await house.shop(context)
    frame = await open_chat(shop)
    await expect(frame.locator(".meta")).to_contain_text("Sent")
    assert await bubbles(frame) == ["Written in a tunnel"]


async def test_where_websockets_are_blocked_the_chat_goes_by_requests(house: House) -> None:
    context = await house.context()

    async def refuse(route: WebSocketRoute) -> None:
        await route.close(code=1011)

    await context.route_web_socket("**/api/customer/ws", refuse)
    shop = await house.shop(context)
    frame = await open_chat(shop)
    await write(shop, "Is anybody there?")
    await expect(frame.locator(".meta")).to_contain_text("Sent")
    console = await house.console(await house.context())
    await read_first(console)
    await console.keyboard.press("c")
    await write(console, "Yes, we are")
    await expect(frame.locator(".line:not(.mine) .bubble")).to_have_text("Yes, we are")
    assert await bubbles(frame) == ["Is anybody there?", "Yes, we are"]


async def test_a_draft_with_a_gap_does_not_go_out(house: House) -> None:
    house.brain.answers.append([draft("I am looking into [order id] now.", unfilled=["order_id"])])
    shop = await house.shop(await house.context())
    frame = await open_chat(shop)
    await write(shop, "Where is my parcel?")
    console = await house.console(await house.context())
    await read_first(console)
    await expect(console.locator(".words .gap")).to_have_text("[order id]")
    await console.keyboard.press("1")
    await console.keyboard.press("Enter")
    await expect(console.locator("#hint")).to_contain_text("Fill in [order id]")
    await expect(console.locator(".message.agent")).to_have_count(0)
    # The gap is selected: what is typed takes its place.
    await write(console, ORDER)
    await expect(frame.locator(".line:not(.mine) .bubble")).to_have_text(f"I am looking into {ORDER} now.")


async def test_a_draft_from_before_the_latest_message_does_not_go_out(house: House) -> None:
    shop = await house.shop(await house.context())
    await open_chat(shop)
    await write(shop, f"Where is my order {ORDER}?")
    console = await house.console(await house.context())
    await read_first(console)
    await expect(console.locator(".card")).to_have_count(3)
    await console.keyboard.press("1")
    house.brain.delay = 1.0
    await write(shop, "It has just come, thank you")
    await expect(console.locator(".card.stale")).to_have_count(3)
    await console.keyboard.press("Enter")
    await expect(console.locator("#hint")).to_contain_text("The customer has written since")
    await expect(console.locator(".message.agent")).to_have_count(0)
    await expect(console.locator(".card:not(.stale)")).to_have_count(3)


async def test_a_colleague_was_quicker_and_the_newest_state_is_shown(house: House) -> None:
    shop = await house.shop(await house.context())
    frame = await open_chat(shop)
    await write(shop, f"Where is my order {ORDER}?")
    context = await house.context()
    deaf = asyncio.Event()

    async def relay(route: WebSocketRoute) -> None:
        # A line that dies silently: from some moment on nothing comes through any more.
        server = route.connect_to_server()
        server.on_message(lambda message: None if deaf.is_set() else route.send(message))

    await context.route_web_socket("**/api/agent/ws", relay)
    console = await house.console(context)
    await read_first(console)
    await expect(console.locator(".card")).to_have_count(3)
    await console.keyboard.press("1")
    deaf.set()
    colleague = await house.console(await house.context(), "Tom Reid")
    await read_first(colleague)
    await expect(colleague.locator(".card")).to_have_count(3)
    await colleague.keyboard.press("2")
    await colleague.keyboard.press("Enter")
    await expect(frame.locator(".line:not(.mine)")).to_have_count(1)

    await console.keyboard.press("Enter")
    await expect(console.locator(".notice")).to_contain_text("A colleague was quicker")
    await expect(console.locator(".message.agent")).to_have_count(1)
    await expect(console.locator(".message.agent")).to_contain_text("(2)")
    await expect(frame.locator(".line:not(.mine)")).to_have_count(1)


async def test_rejecting_takes_the_keyboard_through_the_reasons(house: House) -> None:
    shop = await house.shop(await house.context())
    await open_chat(shop)
    await write(shop, f"Where is my order {ORDER}?")
    console = await house.console(await house.context())
    await read_first(console)
    await expect(console.locator(".card")).to_have_count(3)
    await console.keyboard.press("ArrowRight")
    await console.keyboard.press("r")
    await expect(console.get_by_role("menuitem", name="Wrong facts")).to_be_focused()
    await console.keyboard.press("ArrowDown")
    await console.keyboard.press("Enter")
    await expect(console.locator(".card").nth(1)).to_contain_text("rejected")
    await expect(console.locator(".card.selected")).to_have_count(1)


async def test_an_intent_that_is_less_likely_than_not_is_not_shown(house: House) -> None:
    house.brain.readings.append(reading(intent_score=0.49))
    shop = await house.shop(await house.context())
    await open_chat(shop)
    await write(shop, "Hm")
    console = await house.console(await house.context())
    await read_first(console)
    await expect(console.locator(".chips .chip")).to_have_text("Neutral0.68")


async def test_the_selected_draft_is_shown_in_full(house: House) -> None:
    house.brain.answers.append([draft(), draft("I have asked the courier where it is. " * 9)])
    shop = await house.shop(await house.context())
    await open_chat(shop)
    await write(shop, f"Where is my order {ORDER}?")
    console = await house.console(await house.context())
    await read_first(console)
    text = console.locator(".card[data-number='2'] .draft")
    await expect(text).to_be_visible()
    is_cut = "node => node.scrollHeight > node.clientHeight + 1"
    assert await text.evaluate(is_cut)
    await console.keyboard.press("ArrowRight")
    await expect(console.locator(".card[data-number='2']")).to_contain_class("selected")
    assert not await text.evaluate(is_cut)


async def test_notes_stay_with_the_team(house: House) -> None:
    shop = await house.shop(await house.context())
    frame = await open_chat(shop)
    await write(shop, "Hello")
    console = await house.console(await house.context())
    await read_first(console)
    await expect(console.locator(".message.customer")).to_have_count(1)
    await console.keyboard.press("n")
    await write(console, "A difficult one")
    await expect(console.locator(".message.note")).to_contain_text("A difficult one")
    await write(console, "Hello to you")
    await expect(frame.locator(".line:not(.mine) .bubble")).to_have_text("Hello to you")
    await expect(frame.locator("body")).not_to_contain_text("A difficult one")


async def test_nothing_that_is_stored_becomes_markup(house: House) -> None:
    attack = (
        "<img src=x onerror=alert(1)><script>alert(2)</script>\"'><svg onload=alert(3)> javascript:alert(4)"
    )
    shop = await house.shop(await house.context())
    frame = await open_chat(shop)
    await write(shop, attack)
    console = await house.console(await house.context())
    await read_first(console)
    await expect(console.locator(".message.customer .text")).to_have_text(attack)
    await console.keyboard.press("c")
    await write(console, attack)
    await expect(frame.locator(".line:not(.mine) .bubble")).to_have_text(attack)
    for page in (frame.locator("#log"), console.locator("#open"), console.locator("#list")):
        assert await page.locator("img, script, svg[onload]").count() == 0


async def test_the_launcher_takes_early_calls_and_tells_the_page(house: House) -> None:
    context = await house.context()
    await context.add_init_script(
        "window.heard = [];"
        "for (const name of ['ready', 'opened', 'closed', 'message', 'unread'])"
        "  addEventListener(`deskhand:${name}`, (event) => heard.push([name, event.detail]));"
    )
    shop = await house.shop(context)
    await expect(shop.get_by_role("button", name="Chat with us")).to_have_attribute("aria-expanded", "false")
    assert await shop.locator("deskhand-widget iframe").count() == 0, "no frame before it is opened"
    frame = await open_chat(shop)
    await write(shop, "Hello")
    await expect(frame.locator(".meta")).to_contain_text("Sent")
    await shop.keyboard.press("Escape")
    await expect(shop.get_by_role("button", name="Chat with us")).to_be_focused()

    console = await house.console(await house.context())
    await read_first(console)
    await console.keyboard.press("c")
    await write(console, "Good morning")
    await expect(shop.get_by_role("button", name="Chat with us, 1 unread message")).to_be_visible()
    await shop.keyboard.press("Enter")
    await expect(frame.get_by_label("Your message")).to_be_focused()
    assert await unread_of(shop) == "Close chat"
    heard = await shop.evaluate("heard")
    assert [name for name, _ in heard] == [
        "ready",
        "opened",
        "closed",
        "message",
        "unread",
        "opened",
        "unread",
    ]

    await shop.evaluate("Deskhand('shutdown')")
    await expect(shop.locator("deskhand-widget")).to_have_count(0)
    await shop.evaluate("Deskhand('boot', {})")
    frame = await open_chat(shop)
    await expect(frame.locator("#log")).to_have_attribute("aria-busy", "false")
    assert await bubbles(frame) == [], "a new visitor after the sign-out of the shop"


async def test_an_automatic_reply_says_so_and_offers_a_person(house: House) -> None:
    shop = await house.shop(await house.context())
    frame = await open_chat(shop)
    await write(shop, "When are you open?")
    await expect(frame.locator(".meta")).to_contain_text("Sent")
    console = await house.console(await house.context())
    await read_first(console)
    await expect(console.locator(".message.customer")).to_have_count(1)
    conversation_id = UUID(await console.evaluate("location.hash.slice(1)"))

    async def answer(tx: Transaction) -> None:
        await conversations.post(
            tx, conversation_id=conversation_id, kind="bot", text="Tuesday to Saturday.", automatic=True
        )

    await house.app[DB].write(answer)
    await shop.reload()
    frame = await open_chat(shop)
    await expect(frame.locator(".tag")).to_have_text("Automatic reply")
    await frame.locator(".line").get_by_role("button", name="Talk to a person").click()
    await expect(frame.locator("#who")).to_have_text("Our team has your conversation")
    await expect(frame.get_by_role("button", name="Talk to a person")).to_have_count(0)
    await expect(console.locator("#status")).to_contain_text("asked for a person")


async def test_a_reply_whose_acknowledgement_was_lost_is_sent_once(house: House) -> None:
    shop = await house.shop(await house.context())
    frame = await open_chat(shop)
    await write(shop, "Hello")
    context = await house.context()
    lost = asyncio.Event()

    async def swallow(route: Route) -> None:
        if route.request.method == "POST" and not lost.is_set():
            await route.fetch()
            await route.abort()
        else:
            await route.continue_()

    await context.route("**/api/conversations/*/messages", swallow)
    console = await house.console(context)
    await read_first(console)
    await console.keyboard.press("c")
    await write(console, "Good morning")
    await expect(console.locator(".notice")).to_contain_text("can't be reached")
    await expect(console.get_by_label("Reply", exact=True)).to_have_value("Good morning")
    lost.set()
    await console.keyboard.press("Enter")
    await expect(console.get_by_label("Reply", exact=True)).to_have_value("")
    await expect(console.locator(".message.agent")).to_have_count(1)
    await write(shop, "And to you")
    await expect(console.locator(".message.customer")).to_have_count(2)
    assert await bubbles(frame) == ["Hello", "Good morning", "And to you"]
