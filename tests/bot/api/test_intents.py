"""The admin's page of new intents over the api: search, name, remove, each in the audit log."""

from __future__ import annotations

import asyncio
from typing import Any

from storage import conversations
from tests.bot.api.desk import Desk
from tests.bot.test_new_intents import ENGRAVING, STRANGE, unknown
from tests.fakes import until

PLACE = "/api/admin/intents"


async def searched(desk: Desk, headers: dict[str, str]) -> Any:
    await until(lambda: desk.services.state.brain_ready)
    await desk.json("POST", "/api/admin/intent-searches", status=202, headers=headers)
    async with asyncio.timeout(60):
        while True:
            found = await desk.json("GET", PLACE, headers=headers)
            if found["search"]["state"] != "running":
                return found
            await asyncio.sleep(0.05)


async def test_an_admin_finds_names_and_removes_an_intent(desk: Desk) -> None:
    desk.brain._next_reading = unknown  # type: ignore[method-assign]
    admin = await desk.signed_in("admin")
    assert await desk.json("GET", PLACE, headers=admin) == {"search": None, "groups": [], "named": []}
    for number, text in enumerate([*ENGRAVING, *STRANGE]):
        await desk.services.db.write(
            lambda tx, n=number, t=text: conversations.import_conversation(
                tx, external_id=f"z{n}", turns=[("customer", t, None)]
            )
        )
    found = await searched(desk, admin)
    (group,) = found["groups"]
    assert set(group["examples"]) <= set(ENGRAVING) and group["size"] == len(ENGRAVING)

    naming = {"started_at": found["search"]["started_at"], "group": group["key"], "name": "engraving"}
    for wrong in ("Engraving", "out_of_scope", "a b", "x"):
        await desk.json("POST", PLACE, status=422, headers=admin, json={**naming, "name": wrong})
    made = await desk.json("POST", PLACE, status=201, headers=admin, json=naming)
    assert (made["name"], made["count"]) == ("engraving", len(ENGRAVING))
    await desk.json("POST", PLACE, status=404, headers=admin, json=naming)
    left = await desk.json("GET", PLACE, headers=admin)
    assert (left["groups"], left["named"]) == ([], [made])

    await desk.json("DELETE", f"{PLACE}/{made['id']}", headers=admin)
    await desk.json("DELETE", f"{PLACE}/{made['id']}", status=404, headers=admin)
    log = (await desk.json("GET", "/api/admin/audit", headers=admin))["items"]
    assert [entry["action"] for entry in log[:2]] == ["intent_removed", "intent_named"]
    assert log[0]["details"] == log[1]["details"] == "name: engraving"


async def test_why_no_search_begins_is_told(desk: Desk) -> None:
    desk.brain.delay = 0.5
    admin = await desk.signed_in("admin")
    await desk.services.db.write(
        lambda tx: conversations.import_conversation(tx, external_id="z", turns=[("customer", "a", None)])
    )
    await until(lambda: desk.services.state.brain_ready)
    await desk.json("POST", "/api/admin/intent-searches", status=202, headers=admin)
    refused = await desk.json("POST", "/api/admin/intent-searches", status=409, headers=admin)
    assert refused["detail"] == "A search is running already."


async def test_a_group_whose_customers_were_all_erased_is_not_shown(desk: Desk) -> None:
    desk.brain._next_reading = unknown  # type: ignore[method-assign]
    admin = await desk.signed_in("admin")
    customers = []
    for number, text in enumerate(ENGRAVING):
        made = await desk.services.db.write(
            lambda tx, n=number, t=text: conversations.import_conversation(
                tx, external_id=f"z{n}", turns=[("customer", t, None)]
            )
        )
        customers.append(made.conversation.customer_id)
    found = await searched(desk, admin)
    assert len(found["groups"]) == 1
    for customer_id in customers:
        await desk.services.db.write(lambda tx, who=customer_id: conversations.erase_customer(tx, who))
    found = await desk.json("GET", PLACE, headers=admin)
    assert found["groups"] == []
