"""The whole way of a message: a customer asks, an agent sees and sends a draft, the customer reads it."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from tests.bot.api.desk import Desk, until


async def test_a_customer_asks_and_an_agent_sends_the_first_draft(desk: Desk) -> None:
    agent = await desk.signed_in("agent")
    console = await desk.console(agent)
    visitor = await desk.visitor()
    widget, welcome = await visitor.widget()
    assert welcome == {
        "type": "welcome",
        "conversation": None,
        "messages": [],
        "last_seq": 0,
        "typing": False,
    }

    question = "Where is my order TT-104823?"
    await widget.send_json({"type": "send", "client_msg_id": "q-1", "text": question})
    ack = await until(widget, "ack", client_msg_id="q-1")
    assert (ack["seq"], ack["duplicate"]) == (1, False)

    seen = await until(console, "suggestions")
    while seen["suggestion"] is None:
        seen = await until(console, "suggestions")
    first = seen["suggestion"]["candidates"][0]
    assert "TT-104823" in first["text"]

    opened = await desk.json("GET", f"/api/conversations/{ack['conversation_id']}", headers=agent)
    assert opened["messages"][0]["analysis"]["intent"]["name"] == "order_status"
    assert opened["suggestion"]["id"] == seen["suggestion"]["id"]

    posted = await desk.json(
        "POST",
        f"/api/conversations/{ack['conversation_id']}/messages",
        status=201,
        headers=agent,
        json={
            "client_msg_id": "a-1",
            "text": first["text"],
            "kind": "reply",
            "suggestion_id": seen["suggestion"]["id"],
            "position": first["position"],
        },
    )
    assert posted["message"]["author_name"] == "Agent"
    arrived = await until(widget, "message")
    while arrived["message"]["kind"] != "agent":
        arrived = await until(widget, "message")
    assert arrived["message"]["text"] == first["text"]
    assert arrived["message"]["seq"] == 2
    await widget.send_json({"type": "seen", "seq": 2})
    delivered = await until(console, "delivery", state="delivered")
    assert delivered["message_ids"] == [posted["message"]["id"]]


async def test_a_draft_that_the_customer_overtook_is_not_sent(desk: Desk) -> None:
    agent, visitor = await desk.signed_in("agent"), await desk.visitor()
    console = await desk.console(agent)
    ack = await visitor.says("Where is my order TT-104823?")
    suggestion = await _suggestion(console)
    await visitor.says("Sorry, I meant TT-200000")
    refused = await desk.json(
        "POST",
        f"/api/conversations/{ack['conversation_id']}/messages",
        status=409,
        headers=agent,
        json={
            "client_msg_id": "a-1",
            "text": suggestion["candidates"][0]["text"],
            "suggestion_id": suggestion["id"],
            "position": suggestion["candidates"][0]["position"],
        },
    )
    assert refused["code"] == "stale-suggestion"
    history = await desk.json("GET", "/api/customer/conversation", headers=visitor.headers)
    assert {message["kind"] for message in history["messages"]} == {"customer"}


async def test_two_agents_send_the_same_draft_and_one_wins(desk: Desk) -> None:
    agent, admin = await desk.signed_in("agent"), await desk.signed_in("admin")
    console, visitor = await desk.console(agent), await desk.visitor()
    ack = await visitor.says("Where is my order TT-104823?")
    suggestion = await _suggestion(console)
    path = f"/api/conversations/{ack['conversation_id']}/messages"
    body = {"text": "On its way.", "suggestion_id": suggestion["id"]}
    won = await desk.json(
        "POST", path, status=201, headers=agent, json={**body, "client_msg_id": str(uuid4())}
    )
    lost = await desk.json(
        "POST", path, status=409, headers=admin, json={**body, "client_msg_id": str(uuid4())}
    )
    assert lost["code"] == "already-decided"
    repeat = {**body, "client_msg_id": won["message"]["client_msg_id"]}
    again = await desk.json("POST", path, status=200, headers=agent, json=repeat)
    assert again["message"]["id"] == won["message"]["id"]


async def test_a_rejected_suggestion_is_gone(desk: Desk) -> None:
    agent, visitor = await desk.signed_in("agent"), await desk.visitor()
    console = await desk.console(agent)
    ack = await visitor.says("Where is my order?")
    suggestion = await _suggestion(console)
    path = f"/api/suggestions/{suggestion['id']}/reject"
    await desk.json("POST", path, headers=agent, json={"reason": "wrong tone"})
    opened = await desk.json("GET", f"/api/conversations/{ack['conversation_id']}", headers=agent)
    assert opened["suggestion"] is None
    await desk.json("POST", path, status=409, headers=agent, json={"reason": "wrong tone"})


async def test_a_note_never_reaches_the_customer(desk: Desk) -> None:
    agent, visitor = await desk.signed_in("agent"), await desk.visitor()
    widget, _ = await visitor.widget()
    ack = await visitor.says("Hello")
    path = f"/api/conversations/{ack['conversation_id']}/messages"
    for text, kind in (("he is a regular", "note"), ("Hello Sam", "reply")):
        body = {"client_msg_id": str(uuid4()), "text": text, "kind": kind}
        await desk.json("POST", path, status=201, headers=agent, json=body)
    seqs = [(await until(widget, "message"))["message"]["seq"] for _ in range(2)]
    assert seqs == [1, 3]
    history = await desk.json("GET", "/api/customer/conversation", headers=visitor.headers)
    assert [message["text"] for message in history["messages"]] == ["Hello", "Hello Sam"]
    assert history["last_seq"] == 3


async def test_asking_for_a_person_hands_over(desk: Desk) -> None:
    agent, visitor = await desk.signed_in("agent"), await desk.visitor()
    ack = await visitor.says("Where is my order?")
    await desk.json("POST", "/api/customer/person", headers=visitor.headers, json={})
    opened = await desk.json("GET", f"/api/conversations/{ack['conversation_id']}", headers=agent)
    assert opened["conversation"]["owner"] == "person"
    assert opened["conversation"]["handoff_reason"] == "asked_for_person"


async def _suggestion(console: Any) -> Any:
    while True:
        event = await until(console, "suggestions")
        if event["suggestion"] is not None:
            return event["suggestion"]
