"""The agents' REST door: the inbox, changes of a conversation, and what is not stored twice."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

import pytest

from tests.bot.api.desk import Desk, until


@pytest.fixture
async def agent(desk: Desk) -> dict[str, str]:
    """Headers of an agent."""
    return await desk.signed_in("agent")


async def test_the_inbox_has_the_newest_first_and_pages(desk: Desk, agent: dict[str, str]) -> None:
    ids = [(await (await desk.visitor()).says(f"question {n}"))["conversation_id"] for n in range(5)]
    got: list[str] = []
    before: str | None = None
    while True:
        query = {"limit": "2", **({"before": before} if before else {})}
        page = await desk.json("GET", "/api/conversations", headers=agent, params=query)
        got += [item["conversation"]["id"] for item in page["items"]]
        before = page["next"]
        if before is None:
            break
    assert sorted(got) == sorted(ids)
    assert len(got) == 5


@pytest.mark.parametrize(
    "cursor", ["x", "~", "2026-01-01~x", "' OR 1=1", "9999-99-99T00:00:00+00:00~" + "0" * 32]
)
async def test_a_foreign_cursor_is_refused(desk: Desk, agent: dict[str, str], cursor: str) -> None:
    await desk.json("GET", "/api/conversations", status=422, headers=agent, params={"before": cursor})


async def test_the_inbox_is_filtered_by_status_and_assignee(desk: Desk, agent: dict[str, str]) -> None:
    account = await desk.account("agent")
    ids = [(await (await desk.visitor()).says("Hello"))["conversation_id"] for _ in range(3)]
    await _change(desk, agent, ids[0], "status", {"status": "resolved"})
    await _change(desk, agent, ids[1], "assignee", {"account_id": str(account.id)})

    async def found(query: str) -> set[str]:
        page = await desk.json("GET", f"/api/conversations?{query}", headers=agent)
        return {item["conversation"]["id"] for item in page["items"]}

    assert await found("status=resolved") == {ids[0]}
    assert await found("assignee=me") == {ids[1]}
    assert await found("assignee=none&status=open") == {ids[2]}
    assert await found("assignee=all") == set(ids)


async def _change(desk: Desk, headers: dict[str, str], id: str, what: str, body: dict[str, Any]) -> Any:
    changed = await desk.json("POST", f"/api/conversations/{id}/{what}", headers=headers, json=body)
    return changed["conversation"]


async def test_every_change_is_answered_and_told_to_open_consoles(desk: Desk, agent: dict[str, str]) -> None:
    visitor = await desk.visitor()
    id = (await visitor.says("Hello"))["conversation_id"]
    console = await desk.console(agent)
    snooze = {"status": "snoozed", "snoozed_until": "2099-01-01T08:00:00+01:00"}
    assert (await _change(desk, agent, id, "status", snooze))["snoozed_until"].startswith("2099-01-01T07:00")
    assert (await _change(desk, agent, id, "takeover", {}))["owner"] == "person"
    assert (await _change(desk, agent, id, "handback", {}))["owner"] == "bot"
    assert (await _change(desk, agent, id, "priority", {"priority": "urgent"}))["priority"] == "urgent"
    assert (await _change(desk, agent, id, "tags", {"tags": ["vip", "late"]}))["tags"] == ["vip", "late"]
    while (event := await until(console, "conversation"))["conversation"]["conversation"]["tags"] == []:
        pass
    assert event["conversation"]["conversation"]["priority"] == "urgent"
    await visitor.says("I am back")
    opened = await desk.json("GET", f"/api/conversations/{id}", headers=agent)
    assert opened["conversation"]["status"] == "open"


async def test_nobody_unknown_gets_a_conversation(desk: Desk, agent: dict[str, str]) -> None:
    id = (await (await desk.visitor()).says("Hello"))["conversation_id"]
    path = f"/api/conversations/{id}/assignee"
    await desk.json("POST", path, status=404, headers=agent, json={"account_id": str(uuid4())})


async def test_an_answer_sent_ten_times_at_once_is_stored_once(desk: Desk, agent: dict[str, str]) -> None:
    visitor = await desk.visitor()
    id = (await visitor.says("Hello"))["conversation_id"]
    body = {"client_msg_id": "a-1", "text": "Hello to you"}
    path = f"/api/conversations/{id}/messages"
    sent = await asyncio.gather(
        *(desk.client.request("POST", path, headers=agent, json=body) for _ in range(10))
    )
    assert sorted(response.status for response in sent) == [200] * 9 + [201]
    history = await desk.json("GET", "/api/customer/conversation", headers=visitor.headers)
    assert [message["kind"] for message in history["messages"]] == ["customer", "agent"]
    await desk.json("POST", path, status=409, headers=agent, json={**body, "text": "Something else"})


async def test_a_position_needs_its_suggestion(desk: Desk, agent: dict[str, str]) -> None:
    id = (await (await desk.visitor()).says("Hello"))["conversation_id"]
    body = {"client_msg_id": "a-1", "text": "Hi", "position": 0}
    await desk.json("POST", f"/api/conversations/{id}/messages", status=422, headers=agent, json=body)


async def test_messages_are_read_from_a_cursor_on(desk: Desk, agent: dict[str, str]) -> None:
    visitor = await desk.visitor()
    for n in range(3):
        id = (await visitor.says(str(n)))["conversation_id"]
    page = await desk.json("GET", f"/api/conversations/{id}/messages?after=1", headers=agent)
    assert [message["seq"] for message in page["messages"]][:2] == [2, 3]


async def test_prepared_replies_and_colleagues_are_listed(desk: Desk, agent: dict[str, str]) -> None:
    assert (await desk.json("GET", "/api/canned", headers=agent))["items"] == []
    await desk.account("viewer")
    team = await desk.json("GET", "/api/team", headers=agent)
    assert [one["name"] for one in team["items"]] == ["Agent"]
