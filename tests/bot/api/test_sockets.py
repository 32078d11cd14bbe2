"""The WebSocket doors: who gets in, what is refused, how they end, and that a cut loses nothing."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from aiohttp import WSServerHandshakeError
from pydantic import TypeAdapter

from bot.api import frames, sockets
from bot.api.limits import Bucket, Limits
from bot.app import end_sockets
from bot.live import customer_topic
from bot.views import VISITOR
from tests.bot.api.desk import Desk, close_code, until


@pytest.mark.parametrize("path", ["/api/customer/ws", "/api/agent/ws"])
async def test_foreign_pages_can_open_no_socket(desk: Desk, path: str) -> None:
    headers = await desk.signed_in("agent")
    for origin in ("https://evil.example", "null", desk.origin + ".evil.example"):
        with pytest.raises(WSServerHandshakeError) as refused:
            await desk.client.ws_connect(path, headers={**headers, "Origin": origin})
        assert refused.value.status == 403


@pytest.mark.parametrize(
    "first",
    [
        {"type": "send", "client_msg_id": "a", "text": "b"},
        {"type": "hello", "token": "x" * 43},
        {"type": "hello"},
        ["hello"],
        "hello",
    ],
)
async def test_the_first_frame_has_to_be_a_hello_with_a_known_token(desk: Desk, first: Any) -> None:
    ws = await desk.client.ws_connect("/api/customer/ws")
    await ws.send_json(first)
    assert await close_code(ws) == 1008


async def test_no_hello_in_time_ends_it(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "HELLO_SECONDS", 0.05)
    ws = await desk.client.ws_connect("/api/customer/ws")
    assert await close_code(ws) == 1008


async def test_a_frame_over_40_kib_ends_it(desk: Desk) -> None:
    ws, _ = await (await desk.visitor()).widget()
    await ws.send_str("x" * 41_000)
    assert await close_code(ws) == 1009


async def test_binary_frames_end_it(desk: Desk) -> None:
    ws, _ = await (await desk.visitor()).widget()
    await ws.send_bytes(b"\x00")
    assert await close_code(ws) == 1003


async def test_broken_commands_are_answered_without_an_echo(desk: Desk) -> None:
    ws, _ = await (await desk.visitor()).widget()
    mark = "ZEBRA"
    broken: list[str] = [
        "{" + mark,
        json.dumps({"type": mark}),
        json.dumps({"type": "send", "client_msg_id": mark, "text": ""}),
        json.dumps({"type": "send", "client_msg_id": "a b " + mark, "text": "x"}),
        json.dumps({"type": "send", "client_msg_id": "a", "text": "x", mark: 1}),
        json.dumps({"type": "send", "client_msg_id": "a", "text": mark + "\0"}),
        '{"type": "send", "client_msg_id": "a", "text": "\\ud800"}',
        json.dumps({"type": "resume", "last_seq": 2**70}),
        json.dumps({"type": "seen", "seq": -1}),
        json.dumps({"type": "typing", "on": mark}),
        "[" * 8000,
    ]
    for text in broken:
        await ws.send_str(text)
        event = await until(ws, "error")
        assert mark not in json.dumps(event)
        assert event["problem"]["status"] == 422
    await ws.send_json({"type": "resume", "last_seq": 0})
    assert (await until(ws, "catch_up"))["messages"] == []


async def test_a_repeat_is_acknowledged_as_the_same_message(desk: Desk) -> None:
    visitor = await desk.visitor()
    ws, _ = await visitor.widget()
    send = {"type": "send", "client_msg_id": "m-1", "text": "Hello"}
    await ws.send_json(send)
    first = await until(ws, "ack")
    await ws.send_json(send)
    again = await until(ws, "ack")
    assert again == {**first, "duplicate": True}
    assert (await visitor.says("Hello", "m-1", status=200))["id"] == first["id"]
    await ws.send_json({**send, "text": "Something else"})
    refused = await until(ws, "error", client_msg_id="m-1")
    assert refused["problem"]["code"] == "conflict"


async def test_cut_at_any_moment_every_message_comes_once_and_in_order(desk: Desk) -> None:
    visitor = await desk.visitor()
    agent = await desk.signed_in("agent")
    got: list[int] = []
    last_seq = 0
    conversation = (await visitor.says("0"))["conversation_id"]
    for turn in range(1, 8):
        ws, welcome = await visitor.widget(last_seq)
        got += [message["seq"] for message in welcome["messages"]]
        last_seq = welcome["last_seq"]
        body = {"client_msg_id": f"a-{turn}", "text": f"answer {turn}"}
        await desk.json(
            "POST", f"/api/conversations/{conversation}/messages", status=201, headers=agent, json=body
        )
        await visitor.says(f"{turn}")
        if turn % 2:
            for _ in range(2):
                event = await until(ws, "message")
                got.append(event["message"]["seq"])
                last_seq = event["message"]["seq"]
        await ws.close()
    history = await desk.json("GET", f"/api/customer/conversation?after={last_seq}", headers=visitor.headers)
    got += [message["seq"] for message in history["messages"]]
    assert got == list(range(1, 16))


async def test_a_late_event_is_read_from_the_database_in_order(desk: Desk) -> None:
    visitor = await desk.visitor()
    ws, _ = await visitor.widget()
    ack = await visitor.says("one")
    await until(ws, "message")
    # Two messages, and the news of the second one comes first.
    live, desk_live = desk.services.live, desk.services.live.publish
    held: list[tuple[str, Any]] = []
    try:
        live.publish = lambda topic, event: held.append((topic, event))  # type: ignore[method-assign]
        await visitor.says("two")
        await visitor.says("three")
        await asyncio.sleep(0.1)
    finally:
        live.publish = desk_live  # type: ignore[method-assign]
    for topic, event in reversed([one for one in held if one[1]["type"] == "message"]):
        live.publish(topic, event)
    texts = [(await until(ws, "message"))["message"]["text"] for _ in range(2)]
    assert texts == ["two", "three"]
    live.publish(customer_topic(visitor.id), {"type": "conversation", "conversation": {"id": ack["id"]}})
    assert (await ws.receive_json(timeout=5))["type"] == "conversation"


async def test_the_longest_message_fits_into_a_frame(desk: Desk) -> None:
    ws, _ = await (await desk.visitor()).widget()
    send = {"type": "send", "client_msg_id": "m-1", "text": "😀" * 8000}
    await ws.send_str(json.dumps(send, ensure_ascii=False))
    assert (await until(ws, "ack"))["seq"] == 1


async def test_too_many_frames_are_refused_and_then_end_it(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Limits, "frames", staticmethod(lambda: Bucket(rate=0.001, burst=20)))
    ws, _ = await (await desk.visitor()).widget()
    for _ in range(120):
        await ws.send_json({"type": "typing", "on": True})
    refused = await until(ws, "error")
    assert refused["problem"]["code"] == "too-many"
    assert await close_code(ws) == 1008


async def test_a_reader_that_fell_behind_is_sent_away_with_1013(desk: Desk) -> None:
    visitor = await desk.visitor()
    ws, _ = await visitor.widget()
    topic = customer_topic(visitor.id)
    for _ in range(3_000):
        desk.services.live.publish(topic, {"type": "typing", "on": True})
    assert await close_code(ws) == 1013


async def test_sockets_are_counted_by_address(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk.services.limits.sockets, "_per_address", 2)
    open_ones = [await desk.client.ws_connect("/api/customer/ws") for _ in range(2)]
    with pytest.raises(WSServerHandshakeError) as refused:
        await desk.client.ws_connect("/api/customer/ws")
    assert refused.value.status == 429
    await open_ones[0].close()
    async with asyncio.timeout(5):
        while desk.services.limits.sockets.total == 2:
            await asyncio.sleep(0.01)
    await desk.client.ws_connect("/api/customer/ws")


async def test_a_stop_sends_everybody_away_with_1001(desk: Desk) -> None:
    widget, _ = await (await desk.visitor()).widget()
    silent = await desk.client.ws_connect("/api/customer/ws")
    console = await desk.console(await desk.signed_in("agent"))
    await end_sockets(desk.app)
    for ws in (widget, silent, console):
        assert await close_code(ws) == 1001
    with pytest.raises(WSServerHandshakeError) as refused:
        await desk.client.ws_connect("/api/customer/ws")
    assert refused.value.status == 503


async def test_a_plain_request_to_a_socket_is_a_bad_request(desk: Desk) -> None:
    assert (await desk.call("GET", "/api/customer/ws")).status == 400


async def test_typing_is_seen_on_the_other_side(desk: Desk) -> None:
    agent, visitor = await desk.signed_in("agent"), await desk.visitor()
    console = await desk.console(agent)
    widget, _ = await visitor.widget()
    conversation = (await visitor.says("Hello"))["conversation_id"]
    await widget.send_json({"type": "typing", "on": True})
    seen = await until(console, "typing", who="customer")
    assert (seen["conversation_id"], seen["name"]) == (conversation, VISITOR)
    await console.send_json({"type": "typing", "conversation_id": conversation, "on": True})
    assert (await until(widget, "typing", who="agent"))["name"] == "Agent"


async def test_every_event_has_the_published_shape(desk: Desk) -> None:
    agent, visitor = await desk.signed_in("agent"), await desk.visitor()
    console = await desk.console(agent)
    widget, welcome = await visitor.widget()
    ack = await visitor.says("Where is my order TT-104823?")
    body = {"client_msg_id": "a-1", "text": "On its way"}
    path = f"/api/conversations/{ack['conversation_id']}/messages"
    await desk.json("POST", path, status=201, headers=agent, json=body)
    await widget.send_json({"type": "resume", "last_seq": 0})
    await widget.send_json({"type": "nonsense"})
    customer: TypeAdapter[Any] = TypeAdapter(frames.CustomerEvent)
    team: TypeAdapter[Any] = TypeAdapter(frames.AgentEvent)
    for ws, adapter, first in ((widget, customer, [welcome]), (console, team, [])):
        seen = {event["type"] for event in first}
        for event in first:
            adapter.validate_json(json.dumps(event))
        try:
            while True:
                event = await ws.receive_json(timeout=1)
                adapter.validate_json(json.dumps(event))
                seen.add(event["type"])
        except TimeoutError:
            pass
        assert {"message", "conversation"} <= seen
