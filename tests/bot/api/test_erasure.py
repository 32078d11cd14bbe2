"""Erasing a customer over the api: an admin's, told to every console, forgotten by the serving brain."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from nlp.types import Brain
from storage import audit
from tests.bot.api.desk import Desk, until
from tests.fakes import until as wait

PLACE = "/api/admin/customers"


async def test_an_admin_erases_and_everybody_hears_of_it(desk: Desk) -> None:
    await wait(lambda: desk.services.state.brain_ready)
    visitor = await desk.visitor()
    said = await visitor.says("I am Zephyrine, forget me")
    admin, agent = await desk.signed_in("admin"), await desk.signed_in("agent")
    console = await desk.console(agent)
    await desk.json("DELETE", f"{PLACE}/{visitor.id}", status=403, headers=agent)

    report = await desk.json("DELETE", f"{PLACE}/{visitor.id}", headers=admin)
    assert report["rows"]["messages"] == 1 and report["again"] is False and report["run"] is None
    assert (await until(console, "erased"))["customer_id"] == str(visitor.id)
    conversation = f"/api/conversations/{said['conversation_id']}"
    await desk.json("GET", conversation, status=404, headers=agent)
    refused = await desk.call("GET", "/api/customer/conversation", headers=visitor.headers)
    assert refused.status in (401, 404)

    again = await desk.json("DELETE", f"{PLACE}/{visitor.id}", headers=admin)
    assert (again["again"], again["rows"]) == (True, {})
    await desk.json("DELETE", f"{PLACE}/{uuid4()}", status=404, headers=admin)
    async with desk.services.db.read() as tx:
        told = [entry for entry in await audit.entries(tx) if entry.action == "customer_erased"]
    assert len(told) == 1 and told[0].actor == "admin@example.com"
    assert str(visitor.id) not in str(told) and told[0].details["rows"] == report["rows"]
    await console.close()


async def test_the_serving_brain_is_replaced(desk: Desk, monkeypatch: Any) -> None:
    await wait(lambda: desk.services.state.brain_ready)
    loaded: list[Brain] = []
    swap = desk.services.serving.swap

    async def counted(load: Any) -> None:
        await swap(load)
        loaded.append(desk.brain)

    monkeypatch.setattr(desk.services.serving, "swap", counted)
    visitor = await desk.visitor()
    await desk.json("DELETE", f"{PLACE}/{visitor.id}", headers=await desk.signed_in("admin"))
    await wait(lambda: len(loaded) == 1)


async def test_a_damaged_version_is_told_before_anything_is_erased(desk: Desk) -> None:
    folder = desk.services.settings.data_dir / "models" / "broken"
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text("{")
    visitor = await desk.visitor()
    await visitor.says("Hello")
    admin = await desk.signed_in("admin")
    refused = await desk.json("DELETE", f"{PLACE}/{visitor.id}", status=409, headers=admin)
    assert "broken: manifest.json can't be read" in refused["detail"].lower()
    assert (await desk.json("GET", "/api/conversations", headers=admin))["items"]
