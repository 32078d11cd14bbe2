"""The page of learning, and erasing a customer, in a real browser: what an admin sees and does."""

from __future__ import annotations

import csv
import importlib
import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, expect
from sqlalchemy import update

from bot.api.services import SERVICES
from bot.app import DB
from bot.cli_users import add_account
from storage import analyses, conversations, model_versions, suggestions
from storage.database import Database, Transaction
from storage.records import AnalysisRecord, CandidateRecord
from storage.schema import suggestions as table
from tests.fakes import until
from tests.scenarios.browser import CHROMIUM, PASSWORD, House, open_chat, open_house, read_first, write

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="needs chromium"),
]
OLD, NEW = "2026-10-02-1", "2026-11-02-1"
DRAFT = "Your parcel left us this morning and should be with you tomorrow."
EDITED = "Your parcel left us this morning, so it should be with you on Tuesday. Sorry!"
INTENTS = ("order_status", "refund_status", "return_start", "change_address")


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """A started Deskhand; nothing may have broken in any page of it."""
    importlib.import_module("nlp.forgetting")  # a house with its models loaded has it
    async with open_house(tmp_path) as opened:
        await until(lambda: opened.app[SERVICES].state.brain_ready)
        yield opened
        assert opened.complaints == []


async def log_of_suggestions(db: Database, *, days: int, a_day: int) -> None:
    """A log in which a newer version, in the second half, is more often right."""
    chance = random.Random(17)
    today = datetime.now(UTC).replace(hour=12, minute=0)

    async def store(tx: Transaction) -> None:
        for name in (OLD, NEW):
            await model_versions.add_version(tx, version=name, parent=None, metrics={})
            await model_versions.promote(tx, name)
        for back in range(days - 1, -1, -1):
            version = NEW if back < days // 2 else OLD
            for number in range(a_day):
                await _one(tx, f"{back}-{number}", today - timedelta(days=back), version, chance)

    await db.write(store)


async def _one(tx: Transaction, name: str, at: datetime, version: str, chance: random.Random) -> None:
    made = await conversations.import_conversation(
        tx, external_id=name, turns=[("customer", "Where is it?", None)]
    )
    asked = (await conversations.messages_after(tx, made.conversation.id, 0))[0]
    intent = chance.choices(INTENTS, (6, 3, 2, 1))[0]
    await analyses.save_analysis(
        tx, AnalysisRecord(asked.id, version, "en", 1.0, 0.1, 0.8, 0.1, intent, 0.9, (), 1.0)
    )
    decision = "silent" if chance.random() < 0.08 and name != "1-0" else "suggest"
    stored = await suggestions.record(
        tx,
        conversation_id=made.conversation.id,
        message_id=asked.id,
        based_on_seq=1,
        model_version=version,
        mode="draft",
        decision=decision,
        why="",
        latency_ms=1.0,
        candidates=[CandidateRecord(0, DRAFT, DRAFT, 0.9, "generated")] if decision == "suggest" else [],
    )
    right = 1.0 if name == "1-0" else 0.62 if version == NEW else 0.38
    if decision == "suggest":
        drawn = chance.random()
        text = DRAFT if drawn < right else EDITED if drawn < right + 0.25 else "Let me look into this."
        position = 0 if drawn < right + 0.25 else None
        await suggestions.decide_sent(
            tx, suggestion_id=stored.id, position=position, final_text=text, account_id=None
        )
    # one in the log was answered by the bot itself
    answered = {"decision": "answer"} if name == "1-0" else {}
    await tx.execute(update(table).where(table.c.id == stored.id).values(created_at=at, **answered))


async def admin(house: House, **look: Any) -> Page:
    await add_account(house.app[DB], email="ada@example.com", name="Ada", role="admin", password=PASSWORD)
    return await house.sign_in(await house.context(**look), "ada@example.com", PASSWORD)


async def test_an_admin_sees_whether_the_newer_version_is_the_better_one(
    house: House, tmp_path: Path
) -> None:
    page = await admin(house)
    await page.get_by_role("link", name="Admin").click()
    await page.get_by_role("link", name="Learning").click()
    await expect(page.get_by_role("heading", name="Learning")).to_be_visible()
    await expect(page.locator(".hint")).to_contain_text("The curves begin with the first suggestion")
    await expect(page.get_by_role("button", name="Download CSV")).to_be_disabled()

    await log_of_suggestions(house.app[DB], days=20, a_day=6)
    await page.reload()
    acceptance = page.locator("figure.chart").first
    await expect(acceptance.locator("path.line")).to_have_count(2)
    await expect(acceptance.locator("path.band")).to_have_count(2)
    await expect(acceptance.locator("text.name")).to_have_text([OLD, NEW])
    # what is drawn can be read without seeing it: by table, and by keyboard
    await expect(acceptance.locator("tbody tr")).to_have_count(20)
    await acceptance.locator("svg").focus()
    await page.keyboard.press("ArrowLeft")
    await expect(acceptance.locator(".readout")).to_contain_text(f"{NEW}, 95 % range")
    await expect(page.locator(".bars li")).to_have_count(len(INTENTS))

    async with page.expect_download() as begun:
        await page.get_by_role("button", name="Download CSV").click()
    saved = tmp_path / "learning.csv"
    await (await begun.value).save_as(saved)
    rows = list(csv.DictReader(saved.read_text().splitlines()))
    assert len(rows) == 20 and {row["version"] for row in rows} == {OLD, NEW}
    assert sum(int(row[name]) for row in rows for name in ("shown", "silent", "automatic")) == 120
    await expect(page.locator("figcaption").filter(has_text="answered automatically")).to_be_visible()

    await page.get_by_label("Intent").select_option("refund_status")
    await expect(page.locator(".bars li")).to_have_count(1)
    await expect(page.locator(".bars .who")).to_have_text("refund status")


DRAW = """async () => {
  const { chart, bars } = await import("/console/charts.js");
  const x = { kind: "number", label: "step" };
  const loss = [[0, 4.1], [100, 2.4], [200, 1.9], [300, 1.75]].map(([x, y]) => ({ x, y }));
  const judged = [[0, 4.2], [100, 2.6], [200, null], [300, 2.2]].map(([x, y]) => ({ x, y }));
  const bins = [3, 9, 14, 6, 1].map((y, at) => ({ x: at / 5, to: (at + 1) / 5, y }));
  document.getElementById("charts").replaceChildren(
    chart({ title: "Loss", x, y: { label: "loss" }, marks: [{ y: 2, name: "base" }],
      layers: [
        { kind: "line", name: "training", tone: 1, points: loss },
        { kind: "line", name: "judged", tone: 2, dashed: true, points: judged },
      ] }),
    chart({ title: "Scores", x: { kind: "number", label: "score" }, y: { label: "drafts" },
      layers: [{ kind: "bars", name: "drafts", points: bins }] }),
    chart({ title: "Nothing", x, y: {}, layers: [{ kind: "line", points: [] }], empty: "Not yet." }),
    bars({ title: "None", rows: [], empty: "No intent yet." }),
  );
}"""


async def test_charts_draw_curves_and_histograms_for_other_pages(house: House) -> None:
    page = await admin(house)
    await page.goto(f"{house.url}/console/learning.html")
    await expect(page.locator(".hint")).to_be_visible()
    await page.evaluate(DRAW)
    loss, scores, nothing, none = (page.locator("figure.chart").nth(at) for at in range(4))
    await expect(loss.locator("path.line")).to_have_count(2)
    await expect(loss.locator("circle.alone")).to_have_count(1)
    await expect(loss.locator(".legend li")).to_have_text(["training", "judged"])
    await expect(loss.locator("tbody tr").nth(2)).to_have_text("2001.9")
    await loss.locator("svg").focus()
    await page.keyboard.press("ArrowRight")
    await page.keyboard.press("ArrowRight")
    await expect(loss.locator(".readout")).to_have_text("100: training 2.4 · judged 2.6")
    await page.keyboard.press("Escape")
    await expect(loss.locator(".readout")).to_be_empty()
    await expect(scores.locator("g.filled rect")).to_have_count(5)
    await expect(scores.locator("text.label")).to_have_text("drafts by score")
    await expect(nothing).to_contain_text("Not yet.")
    await expect(none).to_contain_text("No intent yet.")


async def test_an_admin_who_is_asked_twice_erases_a_customer(house: House) -> None:
    shop = await house.shop(await house.context())
    await open_chat(shop)
    await write(shop, "Please forget me, TT-104823")
    console, agent = await admin(house), await house.console(await house.context())
    for page in (console, agent):
        await read_first(page)
        await expect(page.locator("#log")).to_contain_text("Please forget me")
    await expect(agent.get_by_role("button", name="Erase customer…")).to_have_count(0)

    await console.get_by_role("button", name="Erase customer…").click()
    await console.get_by_role("button", name="Keep").click()
    await expect(console.get_by_role("button", name="Erase customer…")).to_be_focused()
    await console.get_by_role("button", name="Erase customer…").click()
    await console.get_by_role("button", name="Erase", exact=True).click()
    await console.get_by_role("button", name="Yes, erase for good").click()
    await expect(console.locator(".notice")).to_contain_text("1 message were erased")
    for page in (console, agent):
        await expect(page.locator("#nothing")).to_be_visible()
        await expect(page.locator(".row")).to_have_count(0)
    async with house.app[DB].read() as tx:
        assert (await conversations.list_conversations(tx)).items == ()
