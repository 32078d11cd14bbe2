"""Automatic replies over the api: how things stand, switching on and off, and reviews of what was sent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.bot.api.desk import Desk, open_desk, until
from tests.bot.reviewed import TEXT, all_good, reviewed, usual
from tests.fakes import draft
from tests.fakes import until as until_true

PLACE = "/api/admin/automatic"
SWITCH_ON = {"mode": "automatic", "tolerated": 5}


@pytest.fixture
async def admin(desk: Desk) -> dict[str, str]:
    """Headers of an admin of a desk whose models are loaded."""
    await until_true(lambda: desk.services.state.brain_ready)
    return await desk.signed_in("admin")


async def learned(desk: Desk, drafts: list[tuple[float, bool]]) -> None:
    await reviewed(desk.services.db, (await desk.account("agent")).id, drafts)


def choice(found: Any, percent: int) -> Any:
    return next(one for one in found["choices"] if one["percent"] == percent)


async def test_a_fresh_desk_says_what_it_lacks(desk: Desk, admin: dict[str, str]) -> None:
    found = await desk.json("GET", PLACE, headers=admin)
    assert (found["mode"], found["state"], found["tolerated"], found["floor"]) == ("draft", "off", None, None)
    assert [one["missing"] for one in found["choices"]] == [299, 149, 59, 29]
    assert (found["curve"], found["reviewed"], found["review_percent"]) == ([], 0, 10)
    refused = await desk.json("PUT", PLACE, status=409, headers=admin, json=SWITCH_ON)
    assert refused["detail"].startswith("59 more reviewed suggestions are needed before fake-1")
    assert (await desk.json("GET", PLACE, headers=admin))["mode"] == "draft"


async def test_the_older_way_to_set_the_mode_is_as_careful(desk: Desk, admin: dict[str, str]) -> None:
    await desk.json("PUT", "/api/admin/policy", status=409, headers=admin, json={"mode": "automatic"})
    await learned(desk, all_good(59))
    await desk.json("PUT", PLACE, headers=admin, json={"mode": "draft", "tolerated": 5})
    await desk.json("PUT", "/api/admin/policy", headers=admin, json={"mode": "automatic"})
    assert (await desk.json("GET", PLACE, headers=admin))["state"] == "on"


async def test_an_admin_switches_on_and_sees_risk_and_coverage(desk: Desk, admin: dict[str, str]) -> None:
    await learned(desk, usual(700))
    found = await desk.json("GET", PLACE, headers=admin)
    point = choice(found, 5)["point"]
    assert point["rate"] < point["bound"] <= 0.05 and 0 < point["coverage"] < 1
    assert found["reviewed"] == 700 and len(found["curve"]) > 40
    on = await desk.json("PUT", PLACE, headers=admin, json=SWITCH_ON)
    assert (on["state"], on["floor"], on["coverage"]) == ("on", point["threshold"], point["coverage"])
    off = await desk.json("PUT", PLACE, headers=admin, json={"mode": "draft", "tolerated": 5})
    assert (off["state"], off["floor"], off["tolerated"]) == ("off", None, 5)
    log = (await desk.json("GET", "/api/admin/audit", headers=admin))["items"]
    assert [entry["details"] for entry in log[:2]] == [
        "mode: suggestions for agents; wrong replies tolerated, in 100: 5",
        "mode: automatic replies; wrong replies tolerated, in 100: 5",
    ]


async def test_only_listed_rates_can_be_tolerated(desk: Desk, admin: dict[str, str]) -> None:
    for rate in (0, 3, 50, 0.05, "5"):
        await desk.json("PUT", PLACE, status=422, headers=admin, json={"mode": "draft", "tolerated": rate})


async def test_what_went_out_alone_is_reviewed_and_a_wrong_one_stops_it(tmp_path: Path) -> None:
    async with open_desk(tmp_path, review_percent=100) as desk:
        await until_true(lambda: desk.services.state.brain_ready)
        admin = await desk.signed_in("admin")
        await learned(desk, all_good(59))
        await desk.json("PUT", PLACE, headers=admin, json=SWITCH_ON)
        console = await desk.console(admin)
        desk.brain.answers.append([draft(TEXT, score=0.95)])
        visitor = await desk.visitor()
        asked = await visitor.says("Where is my order?")
        while (await until(console, "message"))["message"]["kind"] != "bot":
            pass
        (review,) = (await desk.json("GET", f"{PLACE}/reviews", headers=admin))["items"]
        assert (review["reply"], review["score"]) == (TEXT, 0.95)
        assert review["conversation_id"] == asked["conversation_id"]
        assert [said["text"] for said in review["before"]] == ["Where is my order?"]

        place = f"{PLACE}/reviews/{review['id']}"
        for verdict in ("right", None, "wrong"):
            await desk.json("POST", place, headers=admin, json={"verdict": verdict})
        assert (await until(console, "automatic"))["why"].startswith("Of 60 reviewed replies")
        found = await desk.json("GET", PLACE, headers=admin)
        assert found["state"] == "stopped" and "7.7%" in found["why"]
        assert found["reviews"] == {"right": 0, "wrong": 1, "waiting": 0}
        assert (await desk.json("GET", f"{PLACE}/reviews", headers=admin))["items"] == []
        log = (await desk.json("GET", "/api/admin/audit", headers=admin))["items"]
        assert [entry["action"] for entry in log[:4]] == [
            "automatic_stopped",
            "automatic_reviewed",
            "automatic_reviewed",
            "automatic_reviewed",
        ]
