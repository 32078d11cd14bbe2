"""The console's WebSocket: who gets in, what a role may do, and that it ends with the sign-in."""

from __future__ import annotations

from uuid import uuid4

import pytest
from aiohttp import WSServerHandshakeError

from tests.bot.api.desk import Desk, close_code, until


async def test_a_console_needs_a_cookie_and_an_origin(desk: Desk) -> None:
    headers = await desk.signed_in("agent")
    desk.client.session.cookie_jar.clear()
    with pytest.raises(WSServerHandshakeError) as refused:
        await desk.client.ws_connect("/api/agent/ws", headers={"Origin": desk.origin})
    assert refused.value.status == 401
    with pytest.raises(WSServerHandshakeError) as refused:
        await desk.client.ws_connect("/api/agent/ws", headers=headers)
    assert refused.value.status == 403


async def test_a_visitor_token_opens_no_console(desk: Desk) -> None:
    visitor = await desk.visitor()
    desk.client.session.cookie_jar.clear()
    headers = {"Origin": desk.origin, "Cookie": f"deskhand={visitor.token}", **visitor.headers}
    with pytest.raises(WSServerHandshakeError) as refused:
        await desk.client.ws_connect("/api/agent/ws", headers=headers)
    assert refused.value.status == 401


async def test_signing_out_ends_the_console(desk: Desk) -> None:
    headers = await desk.signed_in("agent")
    console = await desk.console(headers)
    await desk.json("DELETE", "/api/session", headers=headers)
    assert await close_code(console) == 1008


async def test_opening_marks_a_conversation_as_read(desk: Desk) -> None:
    agent, visitor = await desk.signed_in("agent"), await desk.visitor()
    conversation = (await visitor.says("Hello"))["conversation_id"]
    console = await desk.console(agent)
    await console.send_json({"type": "open", "conversation_id": conversation})
    assert (await until(console, "opened"))["last_seq"] >= 1
    inbox = await desk.json("GET", "/api/conversations", headers=agent)
    assert inbox["items"][0]["unread"] == 0
    await console.send_json({"type": "open", "conversation_id": str(uuid4())})
    assert (await until(console, "error"))["problem"]["code"] == "not-found"


async def test_a_viewer_watches_and_does_not_type(desk: Desk) -> None:
    visitor = await desk.visitor()
    widget, _ = await visitor.widget()
    conversation = (await visitor.says("Hello"))["conversation_id"]
    console = await desk.console(await desk.signed_in("viewer"))
    await console.send_json({"type": "typing", "conversation_id": conversation, "on": True})
    await console.send_json({"type": "open", "conversation_id": conversation})
    await until(console, "opened")
    await visitor.says("Still there?")
    while (event := await widget.receive_json(timeout=5))["type"] != "message" or event["message"]["seq"] < 2:
        assert event["type"] != "typing"
