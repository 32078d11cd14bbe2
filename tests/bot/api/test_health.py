"""What machines watch: life, readiness, figures, and the document of the routes."""

from __future__ import annotations

import asyncio
import threading
import time
from pathlib import Path
from typing import Any

from aiohttp.test_utils import TestClient, TestServer

from bot.api import openapi
from bot.api.services import SERVICES
from bot.app import api_routes, build_app
from bot.settings import Settings
from nlp.types import Brain
from storage.errors import Unavailable
from tests.bot.api.desk import Desk, open_desk
from tests.fakes import FakeBrain


async def ready(client: Any, status: int) -> Any:
    """The answer of /ready, once it has this status."""
    async with asyncio.timeout(10):
        while (response := await client.get("/ready")).status != status:
            await asyncio.sleep(0.01)
        return await response.json()


async def test_pages_and_messages_are_served_before_the_models_are_there(tmp_path: Path) -> None:
    may_load = threading.Event()

    def slow() -> Brain:
        may_load.wait(10)
        return FakeBrain()

    app = build_app(Settings(data_dir=tmp_path / "data"), load_brain=slow)
    async with TestClient(TestServer(app)) as client:
        assert (await ready(client, 503))["models"] == "loading"
        assert (await client.get("/health")).status == 200
        made = await (await client.post("/api/customer/session", json={})).json()
        sent = await client.post(
            "/api/customer/messages",
            json={"client_msg_id": "m-1", "text": "Where is my order?"},
            headers={"Authorization": f"Bearer {made['token']}"},
        )
        assert sent.status == 201
        may_load.set()
        assert (await ready(client, 200))["models"] == "ok"
        async with asyncio.timeout(10):
            while 'deskhand_waiting{what="work"} 0.0' not in await (await client.get("/metrics")).text():
                await asyncio.sleep(0.02)


async def test_it_is_ready_while_its_memory_grows_and_says_how_much_is_left(tmp_path: Path) -> None:
    brain = FakeBrain()
    brain.unread, brain.read_on = 7, lambda: time.sleep(0.01)  # type: ignore[method-assign]
    app = build_app(Settings(data_dir=tmp_path / "data"), load_brain=lambda: brain)
    async with TestClient(TestServer(app)) as client:
        assert (await ready(client, 200))["unread"] == 7
        assert "deskhand_memory_unread 7.0" in await (await client.get("/metrics")).text()


async def test_models_that_fail_leave_people_able_to_write(tmp_path: Path) -> None:
    def broken() -> Brain:
        raise OSError("no such file")

    app = build_app(Settings(data_dir=tmp_path / "data"), load_brain=broken)
    async with TestClient(TestServer(app)) as client:
        async with asyncio.timeout(10):
            while not app[SERVICES].state.brain_failed:
                await asyncio.sleep(0.01)
        assert (await ready(client, 503))["models"] == "failed"
        assert (await client.post("/api/customer/session", json={})).status == 201


async def test_a_stopping_node_is_not_ready(desk: Desk) -> None:
    await ready(desk.client, 200)
    desk.services.state.draining = True
    assert (await ready(desk.client, 503))["node"] == "stopping"


async def test_without_its_database_it_is_not_ready_and_says_so(desk: Desk, monkeypatch: Any) -> None:
    async def gone(self: Any) -> None:
        raise Unavailable("gone")

    def no_read(self: Any) -> Any:
        raise Unavailable("gone")

    monkeypatch.setattr(type(desk.services.db), "ping", gone)
    assert (await ready(desk.client, 503))["database"] == "unavailable"
    visitor = await desk.visitor()
    monkeypatch.setattr(type(desk.services.db), "read", no_read)
    response = await desk.call("GET", "/api/customer/conversation", headers=visitor.headers)
    assert response.status == 503
    assert response.headers["Retry-After"] == "2"
    assert (await desk.call("GET", "/metrics")).status == 200
    monkeypatch.undo()


async def test_figures_count_by_route_and_name_nobody(desk: Desk) -> None:
    visitor = await desk.visitor()
    ack = await visitor.says("Where is my order?")
    await desk.json("GET", f"/api/conversations/{ack['conversation_id']}", headers=await desk.signed_in())
    text = await (await desk.call("GET", "/metrics")).text()
    assert 'route="/api/conversations/{id}"' in text
    assert "deskhand_ready 1.0" in text
    for private in (ack["conversation_id"], str(visitor.id), visitor.token, "example.com"):
        assert private not in text


async def test_figures_are_for_this_machine_or_the_holder_of_the_token(tmp_path: Path) -> None:
    async with open_desk(tmp_path, metrics_token="scrape-me") as desk:
        assert (await desk.call("GET", "/metrics")).status == 401
        assert (await desk.call("GET", "/metrics", headers={"Authorization": "Bearer no"})).status == 401
        good = {"Authorization": "Bearer scrape-me"}
        assert (await desk.call("GET", "/metrics", headers=good)).status == 200


async def test_a_forwarded_scrape_is_not_of_this_machine(desk: Desk) -> None:
    assert (await desk.call("GET", "/metrics", headers={"X-Forwarded-For": "1.2.3.4"})).status == 404


async def test_the_document_describes_every_row(desk: Desk) -> None:
    document = await desk.json("GET", "/openapi.json")
    assert document["openapi"] == "3.1.0"
    for row in api_routes():
        operation = document["paths"][row.path][row.method.lower()]
        assert operation["operationId"] == row.handler.__name__
        assert set(operation["responses"]) >= {str(status) for status in row.responses}
        assert ("x-websocket" in operation) == row.socket
        assert ("requestBody" in operation) == (row.raw or (row.has_body and not row.socket))


def test_every_reference_of_the_document_leads_somewhere() -> None:
    document = openapi.document(api_routes(), version="1")
    schemas = document["components"]["schemas"]

    def references(part: Any) -> Any:
        if isinstance(part, dict):
            if isinstance(part.get("$ref"), str):
                yield part["$ref"]
            for value in part.values():
                yield from references(value)
        elif isinstance(part, list):
            for value in part:
                yield from references(value)

    found = set(references(document))
    assert found
    for reference in found:
        assert reference.removeprefix("#/components/schemas/") in schemas


async def test_what_fails_inside_is_a_problem_without_details(desk: Desk, monkeypatch: Any) -> None:
    def broken(self: Any) -> Any:
        raise RuntimeError("secret detail")

    visitor = await desk.visitor()
    monkeypatch.setattr(type(desk.services.db), "read", broken)
    response = await desk.call("GET", "/api/customer/conversation", headers=visitor.headers)
    monkeypatch.undo()
    assert response.status == 500
    assert response.content_type == "application/problem+json"
    assert "secret" not in await response.text()
