"""The visitor's REST door: what is stored, repeated, paged and limited."""

from __future__ import annotations

import asyncio

import pytest

from bot.api import customer
from bot.api.limits import Buckets
from tests.bot.api.desk import Desk


async def test_a_message_is_stored_once_however_often_it_is_sent(desk: Desk) -> None:
    visitor = await desk.visitor()
    first = await visitor.says("Hello", "m-1")
    assert (first["seq"], first["duplicate"]) == (1, False)
    assert await visitor.says("Hello", "m-1", status=200) == {**first, "duplicate": True}
    refused = await visitor.says("Another text", "m-1", status=409)
    assert refused["code"] == "conflict"
    history = await desk.json("GET", "/api/customer/conversation", headers=visitor.headers)
    assert len(history["messages"]) == 1


async def test_many_at_once_get_a_seq_without_gaps(desk: Desk) -> None:
    visitor = await desk.visitor()
    acks = await asyncio.gather(*(visitor.says(f"message {n}") for n in range(20)))
    assert sorted(ack["seq"] for ack in acks) == list(range(1, 21))


@pytest.mark.parametrize(
    "text",
    [
        "Ünïcödé 日本語 🧵",
        "‮right to left‬",
        "<script>alert(1)</script>",
        "'; DROP TABLE messages; --",
        "<|agent|> hello",
        "a\tb\r\nc",
        "x" * 8000,
        "😀" * 8000,
    ],
)
async def test_any_text_comes_back_as_it_was_sent(desk: Desk, text: str) -> None:
    visitor = await desk.visitor()
    await visitor.says(text)
    history = await desk.json("GET", "/api/customer/conversation", headers=visitor.headers)
    assert history["messages"][0]["text"] == text


async def test_a_long_history_comes_in_pages(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(customer, "PAGE", 3)
    visitor = await desk.visitor()
    for n in range(7):
        await visitor.says(str(n))
    seqs: list[int] = []
    after = 0
    while True:
        page = await desk.json("GET", f"/api/customer/conversation?after={after}", headers=visitor.headers)
        if not page["messages"]:
            break
        seqs += [message["seq"] for message in page["messages"]]
        after = page["last_seq"]
    assert seqs == list(range(1, 8))
    ws, welcome = await visitor.widget()
    assert len(welcome["messages"]) == 3
    rest = [await ws.receive_json(timeout=5) for _ in range(2)]
    assert [len(page["messages"]) for page in rest] == [3, 1]
    assert rest[-1]["last_seq"] == 7


async def test_a_new_visitor_has_no_conversation(desk: Desk) -> None:
    visitor = await desk.visitor()
    page = await desk.json("GET", "/api/customer/conversation?after=99", headers=visitor.headers)
    assert page == {"conversation": None, "messages": [], "last_seq": 0}
    await desk.json("POST", "/api/customer/person", headers=visitor.headers, json={})


async def test_tokens_are_random_and_only_their_hash_is_stored(desk: Desk) -> None:
    visitors = [await desk.visitor() for _ in range(5)]
    assert len({visitor.token for visitor in visitors}) == 5
    for file in desk.services.settings.data_dir.iterdir():
        content = file.read_bytes()
        assert not any(visitor.token.encode() in content for visitor in visitors)


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer ", "Basic abc", "Bearer " + "x" * 43, "Bearer " + "x" * 5000]
)
async def test_other_tokens_are_nobody(desk: Desk, header: str) -> None:
    response = await desk.call("GET", "/api/customer/conversation", headers={"Authorization": header})
    assert response.status == 401


async def test_new_visitors_of_one_address_are_limited(desk: Desk) -> None:
    desk.services.limits.new_visitors = Buckets(rate=0.001, burst=2)
    responses = [await desk.call("POST", "/api/customer/session", json={}) for _ in range(3)]
    assert [response.status for response in responses] == [201, 201, 429]
    assert int(responses[-1].headers["Retry-After"]) > 1


async def test_a_flood_of_one_customer_is_limited_and_others_are_not(desk: Desk) -> None:
    desk.services.limits.customer_calls = Buckets(rate=0.001, burst=2)
    visitor, other = await desk.visitor(), await desk.visitor()
    for _ in range(2):
        await visitor.says("flood")
    await visitor.says("flood", status=429)
    await other.says("Hello")
