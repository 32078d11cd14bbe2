"""The shop's own rules over the api: what they can be, and that they hold from the next message on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot import rules
from bot.hours import DAYS
from storage import inbox
from tests.bot.api.desk import Desk
from tests.bot.house import House
from tests.fakes import reading

PLACE = "/api/admin/rules"
NONE: dict[str, Any] = {
    "channel": "default",
    "hours": None,
    "sensitive": None,
    "languages": None,
    "anger": None,
}


@pytest.fixture
async def admin(desk: Desk) -> dict[str, str]:
    """Headers of an admin."""
    return await desk.signed_in("admin")


def closed_now() -> dict[str, Any]:
    """Hours that are over, whenever the test runs."""
    open_on = DAYS[(datetime.now(UTC) + timedelta(days=3)).weekday()]
    return {"zone": "UTC", "week": {open_on: ["09:00-17:00"]}}


async def put(house: House, channel: str, **given: Any) -> None:
    await house.db.write(lambda tx: rules.put(tx, channel, {**NONE, **given}))


async def test_rules_are_kept_by_channel_and_written_down(desk: Desk, admin: dict[str, str]) -> None:
    before = await desk.json("GET", PLACE, headers=admin)
    assert [one["channel"] for one in before["channels"]] == ["default", "web", "slack"]
    assert before["shipped"]["languages"] == ["en"] and "refund_status" in before["intents"]
    body = {
        **NONE,
        "anger": "upset",
        "sensitive": ["refund_status", "privacy_request"],
        "hours": closed_now(),
    }
    now = (await desk.json("PUT", PLACE, headers=admin, json=body))["channels"]
    assert now[0]["sensitive"] == ["privacy_request", "refund_status"] and now[0]["anger"] == "upset"
    assert not now[0]["open"] and "A colleague will answer on " in now[0]["example"]
    assert now[1]["anger"] is None and now[1]["example"] == now[0]["example"]
    own = {**NONE, "channel": "slack", "hours": "always"}
    now = (await desk.json("PUT", PLACE, headers=admin, json=own))["channels"]
    assert now[2]["open"] and now[2]["example"] is None and not now[1]["open"]
    log = (await desk.json("GET", "/api/admin/audit?action=rules_set", headers=admin))["items"]
    assert [entry["said"] for entry in log] == ["set the rules for Slack", "set the rules for all channels"]
    assert log[0]["details"] == "hours: always"
    assert "sensitive: privacy_request, refund_status" in log[1]["details"]
    await desk.json("PUT", PLACE, headers=admin, json=own)
    again = (await desk.json("GET", "/api/admin/audit?action=rules_set", headers=admin))["items"]
    assert len(again) == 2, "what changes nothing is not written down"
    await desk.json("PUT", PLACE, headers=admin, json={**NONE, "channel": "slack"})
    assert not (await desk.json("GET", PLACE, headers=admin))["channels"][2]["open"]


@pytest.mark.parametrize(
    ("changes", "pointer", "word"),
    [
        ({"hours": {"zone": "Europe/Atlantis", "week": {"mon": ["09:00-17:00"]}}}, "/hours/zone", "zone"),
        ({"hours": {"zone": "../../etc/passwd", "week": {"mon": ["09:00-17:00"]}}}, "/hours/zone", "zone"),
        ({"hours": {"zone": "UTC", "week": {"mon": ["9-5"]}}}, "/hours/week/mon", "09:00-17:30"),
        ({"hours": {"zone": "UTC", "week": {"tue": ["17:00-09:00"]}}}, "/hours/week/tue", "end after"),
        (
            {"hours": {"zone": "UTC", "week": {"tue": ["09:00-12:00", "11:00-13:00"]}}},
            "/hours/week/tue",
            "before",
        ),
        ({"hours": {"zone": "UTC", "week": {"sun": ["24:00-24:00"]}}}, "/hours/week/sun", "09:00"),
        ({"hours": {"zone": "UTC", "week": {}}}, "/hours/week", "at least one day"),
        ({"hours": {**closed_now(), "sentence": "See you"}}, "/hours/sentence", "{when}"),
        ({"sensitive": ["privacy_request", "moon_landing"]}, "/sensitive/1", "no such intent"),
        ({"languages": ["en", "xx"]}, "/languages/1", "not known"),
    ],
)
async def test_what_can_not_be_kept_is_refused_with_a_sentence(
    desk: Desk, admin: dict[str, str], changes: dict[str, Any], pointer: str, word: str
) -> None:
    said = await desk.json("PUT", PLACE, status=422, headers=admin, json={**NONE, **changes})
    assert [error["pointer"] for error in said["errors"]] == [pointer]
    assert word in said["detail"]
    assert (await desk.json("GET", PLACE, headers=admin))["channels"][0]["hours"] is None


async def test_nobody_serves_no_language_or_bad_days(desk: Desk, admin: dict[str, str]) -> None:
    for wrong in (
        {"languages": []},
        {"hours": {**closed_now(), "closed_on": ["25.12."]}},
        {"channel": "fax"},
    ):
        await desk.json("PUT", PLACE, status=422, headers=admin, json={**NONE, **wrong})


# In force.


async def test_a_customer_who_writes_while_nobody_is_there_is_told_once(house: House) -> None:
    await put(house, "default", hours=closed_now())
    await house.says("Where is my order")
    await house.work()
    (line,) = await house.texts("bot")
    assert line.startswith("We are closed at the moment. A colleague will answer on ")
    assert (await house.current()).owner == "bot"
    assert await house.suggestion() is not None, "agents find their suggestions in the morning"
    await house.says("Hello?")
    await house.work()
    assert await house.texts("bot") == [line]


async def test_what_is_said_while_nobody_is_there_answers_nothing(house: House) -> None:
    await put(house, "default", hours=closed_now())
    await house.says("Where is my order")
    await house.work()
    async with house.db.read() as tx:
        (summary,) = (await inbox.list_conversations(tx)).items
    assert summary.unread == 1
    assert summary.last_message is not None and summary.last_message.text == "Where is my order"


async def test_a_hand_off_at_night_says_when_a_person_comes(house: House) -> None:
    await put(house, "default", hours=closed_now())
    await house.set_policy("automatic", 0.5)
    await house.says("Let me talk to a human please")
    await house.work()
    (line,) = await house.texts("bot")
    assert "A colleague will answer on " in line
    await house.says("hello?")
    await house.work()
    assert await house.texts("bot") == [line], "a person has it now"


async def test_a_channel_that_is_always_open_says_nothing(house: House) -> None:
    await put(house, "default", hours=closed_now())
    await put(house, "web", hours="always")
    await house.says("Where is my order")
    await house.work()
    assert await house.texts("bot") == []


async def test_sensitive_intents_languages_and_anger_are_the_shops_own(house: House) -> None:
    await put(house, "web", sensitive=["order_status"], languages=["pl"], anger="never")
    await house.says("Where is my order")
    await house.work()
    assert (await house.current()).handoff_reason == "sensitive_intent"


@pytest.mark.parametrize(
    ("given", "handed_off"),
    [
        ({"languages": ["en", "pl"]}, None),
        ({"languages": ["de"]}, "unknown_language"),
        ({}, "unknown_language"),
    ],
)
async def test_languages_served_hold_from_the_next_message_on(
    house: House, given: dict[str, Any], handed_off: str | None
) -> None:
    await put(house, "default", **given)
    house.brain.readings.append(reading(language="pl", intent="other"))
    await house.says("Gdzie jest moja paczka?")
    await house.work()
    assert (await house.current()).handoff_reason == handed_off


@pytest.mark.parametrize(("anger", "handed_off"), [("never", None), ("very", None), ("upset", "very_angry")])
async def test_how_angry_is_handed_off_is_the_shops_own(
    house: House, anger: str, handed_off: str | None
) -> None:
    await put(house, "default", anger=anger)
    house.brain.readings.append(reading(negative=0.95, intent="other"))
    await house.says("It is still not there")
    await house.work()
    assert (await house.current()).handoff_reason == handed_off
