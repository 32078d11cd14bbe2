"""Drafts of two versions side by side, over the api: a stream, one at a time, ended by who leaves."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientResponse

from bot import comparison
from bot.api.shapes_training import ComparisonLine
from bot.app import DB
from nlp.registry import Registry
from storage import audit, conversations
from tests.bot.api.desk import Desk
from tests.fakes import until

PLACE = "/api/admin/models/compare"
NAME = "2026-11-29-1"


@pytest.fixture
async def admin(desk: Desk) -> dict[str, str]:
    return await desk.signed_in("admin")


@pytest.fixture
def behave(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], Path]:
    """Drafting processes from now on behave so; the file where they leave their orders."""
    monkeypatch.setattr(comparison, "TURN_SECONDS", 0.2)
    monkeypatch.setattr(comparison, "HEARTBEAT", 0.1)

    def behave(behaviour: str) -> Path:
        note = tmp_path / "orders.json"
        command = (sys.executable, "-m", "tests.bot.fake_drafter", behaviour, str(note))
        monkeypatch.setattr(comparison, "draft_command", lambda: command)
        return note

    return behave


async def stocked(desk: Desk, number: int = 6) -> None:
    """Answered conversations, and a version that the gate has refused."""
    for at in range(number):
        turns = [
            ("customer", f"Where is parcel {at}?", None),
            ("agent", f"Parcel {at} comes tomorrow.", None),
        ]
        await desk.app[DB].write(
            lambda tx, at=at, turns=turns: conversations.import_conversation(
                tx, external_id=f"c{at}", turns=turns, meta={"customer_name": "Ada"}
            )
        )
    publish(desk)


def publish(desk: Desk) -> Registry:
    registry = Registry(desk.services.settings.data_dir / "models")
    made = desk.services.settings.data_dir / "made"
    made.mkdir()
    (made / "reply").mkdir()
    (made / "note.json").write_text("{}")
    registry.publish(NAME, made, {"gate": {"passed": False, "reasons": ["not better"]}})
    return registry


async def ask(desk: Desk, headers: dict[str, str], **changes: Any) -> ClientResponse:
    return await desk.call("POST", PLACE, headers=headers, json={"left": "starter", "right": NAME} | changes)


async def lines_of(response: ClientResponse) -> list[ComparisonLine]:
    assert response.status == 200, await response.text()
    assert response.content_type == "application/x-ndjson" and response.headers["Cache-Control"] == "no-store"
    return [ComparisonLine.model_validate_json(line) for line in (await response.text()).splitlines()]


async def test_both_versions_draft_at_the_same_moments(
    desk: Desk, admin: dict[str, str], behave: Callable[[str], Path]
) -> None:
    note = behave("quick")
    await stocked(desk)
    lines = await lines_of(await ask(desk, admin, count=5))
    assert [line.kind for line in lines if line.kind != "working"] == ["moment"] * 5 + ["done"]
    assert lines[-1].more and lines[-1].unread == 0
    last = [line for line in lines if line.kind == "working"][-1]
    assert (last.done, last.total, last.doing) == (10, 10, f"{NAME} drafts")
    seen = [line.moment for line in lines if line.moment]
    assert [one.closer for one in seen] == ["right", "left", "equal", "right", "left"]
    assert seen[0].turns[-1].text == "Where is parcel 5?" and seen[0].reply == "Parcel 5 comes tomorrow."
    assert seen[0].left[0].text.endswith("says starter.") and seen[0].right[0].text.endswith(f"says {NAME}.")
    assert seen[4].right == [] and seen[4].closer == "left", "no draft is the farther one"
    orders = json.loads(note.read_text())
    assert [len(one["turns"]) for one in orders["moments"]] == [1] * 5
    assert orders["moments"][0]["values"] == {"customer_name": "Ada"}
    assert len(orders["without"]) == 5, "what was answered is not to be leaned on"
    rest = await lines_of(await ask(desk, admin, skip=5))
    assert [line.moment.reply for line in rest if line.moment] == ["Parcel 0 comes tomorrow."]
    assert not rest[-1].more


async def test_one_at_a_time_and_whoever_leaves_ends_it(
    desk: Desk, admin: dict[str, str], behave: Callable[[str], Path]
) -> None:
    note = behave("slow")
    await stocked(desk)
    running = await ask(desk, admin)
    await running.content.readline()
    await until(note.exists)
    pid = json.loads(note.read_text())["pid"]
    refused = await ask(desk, admin)
    assert refused.status == 409 and "another comparison runs" in (await refused.json())["detail"].lower()
    assert alive(pid)
    running.close()
    await until(lambda: not alive(pid))
    behave("quick")
    assert (await lines_of(await ask(desk, admin)))[-1].kind == "done"


async def test_the_end_of_the_server_ends_it(
    desk: Desk, admin: dict[str, str], behave: Callable[[str], Path]
) -> None:
    note = behave("slow")
    await stocked(desk)
    running = await ask(desk, admin)
    await until(note.exists)
    desk.services.comparison.end()
    async with asyncio.timeout(10):
        assert (await lines_of(running))[-1].kind == "failed"


@pytest.mark.parametrize(
    ("behaviour", "said"), [("failing", "weights can't be read."), ("dying", "try again")]
)
async def test_what_goes_wrong_is_said(
    desk: Desk, admin: dict[str, str], behave: Callable[[str], Path], behaviour: str, said: str
) -> None:
    behave(behaviour)
    await stocked(desk)
    lines = await lines_of(await ask(desk, admin))
    assert lines[-1].kind == "failed" and said in lines[-1].said
    assert not any(line.moment for line in lines)


async def test_what_can_not_be_compared_says_why(
    desk: Desk, admin: dict[str, str], behave: Callable[[str], Path]
) -> None:
    behave("quick")
    registry = publish(desk)
    expected = {409: "nobody has answered", 422: "two different"}
    for changes, status in (({}, 409), ({"right": "starter"}, 422)):
        refused = await ask(desk, admin, **changes)
        assert refused.status == status and expected[status] in (await refused.json())["detail"].lower()
    assert (await ask(desk, admin, right="2026-11-29-9")).status == 409
    registry.taint([NAME])
    tainted = await ask(desk, admin)
    assert tainted.status == 409 and "erased" in (await tainted.json())["detail"]


async def test_a_blind_tally_is_one_entry_without_a_word_of_any_conversation(
    desk: Desk, admin: dict[str, str]
) -> None:
    counts = {"left": "starter", "right": NAME, "for_left": 2, "for_right": 5, "equal": 3}
    assert await desk.json("POST", "/api/admin/models/picks", headers=admin, json=counts) == {}
    async with desk.app[DB].read() as tx:
        entry = (await audit.entries(tx))[0]
    assert (entry.action, entry.subject) == ("models_compared", f"model:{NAME}")
    assert entry.details == counts
    same = await desk.call(
        "POST", "/api/admin/models/picks", headers=admin, json=counts | {"right": "starter"}
    )
    assert same.status == 422


def alive(pid: int) -> bool:
    with suppress(ProcessLookupError):
        os.kill(pid, 0)
        return True
    return False
