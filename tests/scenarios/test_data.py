"""Data in a real browser: an admin uploads conversations, reads the survey, and imports them."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from bot import intake
from bot.app import DB
from bot.cli_users import add_account
from storage import conversations
from storage.exports import every, exported
from tests.scenarios.browser import CHROMIUM, PASSWORD, House, open_house

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="needs chromium"),
]
PICTURES = Path(os.environ["DESKHAND_PICTURES"]) if "DESKHAND_PICTURES" in os.environ else None
PAYLOADS = Path(__file__).parent.parent / "payloads"


@pytest.fixture
async def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    """A started Deskhand with a few conversations; nothing may have broken in any page of it."""
    monkeypatch.setattr(intake, "TICK", 0.1)
    monkeypatch.setattr(intake, "LOOK", 0.1)
    async with open_house(tmp_path) as opened:
        turns = [("customer", "Where is my lamp?", None), ("agent", "It comes tomorrow.", None)]
        for number in range(7):
            said = turns if number < 4 else turns[:1]
            meta = {"consent": number != 0}
            await opened.app[DB].write(
                lambda tx, n=number, said=said, meta=meta: conversations.import_conversation(
                    tx, external_id=f"t{n}", turns=said, meta=meta
                )
            )
        yield opened
        assert opened.complaints == []


async def admin(house: House, width: int = 1280, scheme: str = "light") -> Page:
    email = f"ada{width}{scheme}@example.com"
    await add_account(house.app[DB], email=email, name="Ada", role="admin", password=PASSWORD)
    context = await house.context(width, scheme="dark" if scheme == "dark" else "light")
    page = await house.sign_in(context, email, PASSWORD)
    if width > 900:
        await page.get_by_role("link", name="Admin").click()
    else:  # the bar has no room for it
        await page.goto(f"{house.url}/console/data.html")
    await expect(page.locator("#kinds")).to_contain_text("JSON lines")
    return page


async def picture(page: Page, name: str) -> None:
    if PICTURES is not None:
        await page.screenshot(path=PICTURES / f"{name}.png", full_page=True)


def tickets(folder: Path) -> Path:
    """Forty conversations of another desk, two broken rows, and some that nobody can learn from."""
    rows = []
    for number in range(40):
        asked = f"Where is my parcel number 1048{number:02}? Write to ann{number}@example.com."
        turns = [
            {"role": "customer", "text": asked, "at": "2026-03-02T09:00:00Z"},
            {
                "role": "agent",
                "text": f"Parcel 1048{number:02} comes tomorrow.",
                "at": "2026-03-02T09:05:00Z",
            },
        ]
        row = {"conversation_id": f"c{number}", "turns": turns[: 1 if number % 9 == 8 else 2]}
        rows.append(json.dumps(row | ({"meta": {"consent": False}} if number % 10 == 3 else {})))
    rows[17:17] = ["{broken", json.dumps({"conversation_id": "x", "turns": [{"role": "robot", "text": "?"}]})]
    path = folder / "tickets of the old desk.jsonl"
    path.write_text("\n".join([*rows, rows[0]]))
    return path


async def test_an_admin_reads_what_is_in_a_file_and_imports_it_without_its_broken_rows(
    house: House, tmp_path: Path
) -> None:
    page = await admin(house)
    await expect(page.locator("#state")).to_have_text("7 conversations in the log: 0 held here, 7 imported.")
    await expect(page.locator("#log")).to_contain_text("no reply by a person")
    await picture(page, "data-empty")
    await page.locator("#file").set_input_files(tickets(tmp_path))
    upload = page.locator("#uploads > li").first
    await expect(upload).to_contain_text("41 conversations in the file, 40 of them are new.")
    await expect(upload).to_contain_text("2 rows are broken")
    await expect(upload).to_contain_text("line 18")
    await expect(upload).to_contain_text("e-mail addresses")
    await expect(upload).to_contain_text("twice in this file, same number")
    await picture(page, "data-surveyed")
    begin = upload.get_by_role("button", name="Import 40 conversations")
    await expect(begin).to_be_disabled()
    await upload.get_by_label("Leave out the 2 broken rows").focus()
    await page.keyboard.press("Space")
    await begin.focus()
    await page.keyboard.press("Enter")
    await expect(upload).to_contain_text("40 conversations imported, 2 broken rows left out.")
    await expect(page.locator("#state")).to_have_text(
        "47 conversations in the log: 0 held here, 47 imported."
    )
    await picture(page, "data-done")
    stored = [one async for one in every(house.app[DB], exported)]
    assert sum(1 for one in stored if str(one.external_id).startswith("tickets of the old desk:")) == 40
    assert list((tmp_path / "uploads").iterdir()) == []


async def test_a_table_is_read_anew_by_the_columns_that_an_admin_names(house: House, tmp_path: Path) -> None:
    page = await admin(house, 700, "dark")
    path = tmp_path / "chats.csv"
    path.write_text(
        "Nr,Wer,Worte,Wann\n"
        "1,Kundin,Where is my brass lamp?,2026-03-01 09:00\n"
        "1,Rep,It comes tomorrow by the usual post.,2026-03-01 09:04\n"
        "2,Kundin,Can I return a scarf?,2026-03-02 10:00\n"
        "2,Rep,Yes within 30 days of the delivery.,2026-03-02 10:02\n"
    )
    await page.locator("#file").set_input_files(path)
    upload = page.locator("#uploads > li").first
    await expect(upload).to_contain_text("which column is the conversation?")
    await upload.get_by_label("What Nr holds").select_option("Which conversation")
    await upload.get_by_label("What Wer holds").select_option("Who wrote it")
    await upload.get_by_label("What Worte holds").select_option("What was written")
    await upload.get_by_label("What Wann holds").select_option("When")
    await upload.get_by_label("Kundin").select_option("a customer")
    await upload.get_by_label("Rep").select_option("an agent")
    await picture(page, "data-columns")
    await upload.get_by_role("button", name="Read it this way").focus()
    await page.keyboard.press("Enter")
    await expect(upload).to_contain_text("2 conversations in the file, all new. Models may learn from 2.")
    await expect(upload).to_be_focused()
    await picture(page, "data-table")
    await upload.get_by_role("button", name="Discard").click()
    await expect(upload.locator(".badge")).to_have_text("cancelled")
    await expect(upload.get_by_role("button")).to_have_count(0)


async def test_a_file_that_is_dropped_is_taken_and_an_empty_one_is_not(house: House) -> None:
    page = await admin(house)
    drop = """(text) => {
      const files = new DataTransfer();
      files.items.add(new File([text], "dropped.jsonl"));
      document.getElementById("drop").dispatchEvent(
        new DragEvent("drop", { dataTransfer: files, bubbles: true, cancelable: true }));
    }"""
    await page.evaluate(drop, "")
    await expect(page.locator("#notices")).to_contain_text("dropped.jsonl is empty")
    await page.evaluate(drop, (PAYLOADS / "uniform.jsonl").read_text())
    await expect(page.locator("#uploads > li")).to_have_count(1)
    await expect(page.locator("#uploads")).to_contain_text("8 conversations in the file")
