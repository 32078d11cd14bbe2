from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest

from storage import conversations, suggestions
from storage.database import Database
from storage.errors import AlreadyDecided, Invalid, NotFound, StaleSuggestion
from storage.records import Received, Suggestion

Suggest = Callable[..., Awaitable[Suggestion]]


@pytest.fixture
def suggest(db: Database, drafts: Any) -> Suggest:
    async def record(received: Received, **changes: Any) -> Suggestion:
        given = {
            "conversation_id": received.conversation.id,
            "message_id": received.message.id,
            "based_on_seq": received.message.seq,
            "model_version": "starter-1",
            "mode": "draft",
            "decision": "suggest",
            "why": "a person decides",
            "latency_ms": 41.5,
            "candidates": drafts,
        } | changes
        return await db.write(lambda tx: suggestions.record(tx, **given))

    return record


async def send(
    db: Database, suggestion_id: UUID, text: str, account_id: Any, position: Any = 0
) -> Suggestion:
    return await db.write(
        lambda tx: suggestions.decide_sent(
            tx, suggestion_id=suggestion_id, position=position, final_text=text, account_id=account_id
        )
    )


async def test_what_was_recorded_is_read_back(
    db: Database, new_customer: Any, say: Any, suggest: Suggest, drafts: Any
) -> None:
    received = await say(db, (await new_customer(db)).id)
    made = await suggest(received)
    assert made.state == "open" and made.candidates == tuple(drafts)
    async with db.read() as tx:
        assert await suggestions.open_suggestion(tx, received.conversation.id) == made
        assert await suggestions.suggestion(tx, made.id) == made
        assert await suggestions.counts(tx) == {"open": 2}
        with pytest.raises(NotFound):
            await suggestions.suggestion(tx, uuid4())


async def test_a_draft_sent_as_it_is_was_accepted_and_the_others_ignored(
    db: Database, new_customer: Any, say: Any, suggest: Suggest, account: Any
) -> None:
    made = await suggest(await say(db, (await new_customer(db)).id))
    decided = await send(db, made.id, " It ships today.\n", account.id)
    first, second = decided.candidates
    assert decided.state == "decided"
    assert (first.outcome, first.edit_distance, first.decided_by) == ("accepted", 0.0, account.id)
    assert (second.outcome, second.final_text) == ("ignored", None)
    assert first.decided_at is not None
    async with db.read() as tx:
        assert await suggestions.open_suggestion(tx, made.conversation_id) is None
        assert await suggestions.counts(tx) == {"accepted": 1, "ignored": 1}


async def test_an_edited_draft_keeps_what_was_sent_and_how_far_it_went(
    db: Database, new_customer: Any, say: Any, suggest: Suggest, account: Any
) -> None:
    made = await suggest(await say(db, (await new_customer(db)).id))
    edited = (await send(db, made.id, "It ships monday.", account.id)).candidates[0]
    assert (edited.outcome, edited.final_text) == ("edited", "It ships monday.")
    assert edited.edit_distance is not None and 0 < edited.edit_distance < 0.5


async def test_an_agents_own_text_leaves_every_draft_ignored(
    db: Database, new_customer: Any, say: Any, suggest: Suggest, account: Any
) -> None:
    made = await suggest(await say(db, (await new_customer(db)).id))
    decided = await send(db, made.id, "Let me look.", account.id, position=None)
    assert [draft.outcome for draft in decided.candidates] == ["ignored", "ignored"]


async def test_a_draft_older_than_the_customers_latest_message_can_not_be_sent(
    db: Database, new_customer: Any, say: Any, suggest: Suggest, account: Any
) -> None:
    customer = await new_customer(db)
    made = await suggest(await say(db, customer.id))
    await say(db, customer.id, "never mind, cancel it")
    with pytest.raises(StaleSuggestion):
        await send(db, made.id, "It ships today.", account.id)
    with pytest.raises(StaleSuggestion):
        await db.write(
            lambda tx: suggestions.reject(
                tx, suggestion_id=made.id, position=None, reason="wrong", account_id=account.id
            )
        )
    async with db.read() as tx:
        stored = await suggestions.suggestion(tx, made.id)
        assert await suggestions.open_suggestion(tx, made.conversation_id) is None
    assert stored.state == "stale"
    assert [draft.outcome for draft in stored.candidates] == ["stale", "stale"]


async def test_a_draft_that_comes_too_late_is_stale_from_the_start(
    db: Database, new_customer: Any, say: Any, suggest: Suggest, account: Any
) -> None:
    customer = await new_customer(db)
    first = await say(db, customer.id)
    latest = await say(db, customer.id, "hello?")
    late = await suggest(first)
    assert late.state == "stale"
    assert [draft.outcome for draft in late.candidates] == ["stale", "stale"]
    assert (await suggest(latest)).state == "open"


async def test_a_newer_suggestion_takes_the_place_of_the_open_one(
    db: Database, new_customer: Any, say: Any, suggest: Suggest
) -> None:
    received = await say(db, (await new_customer(db)).id)
    old, new = await suggest(received), await suggest(received)
    async with db.read() as tx:
        assert (await suggestions.suggestion(tx, old.id)).state == "stale"
        assert await suggestions.open_suggestion(tx, received.conversation.id) == new


async def test_of_ten_agents_who_send_at_once_exactly_one_wins(
    db: Database, new_customer: Any, say: Any, suggest: Suggest, account: Any
) -> None:
    received = await say(db, (await new_customer(db)).id)
    made = await suggest(received)

    async def decide_and_post(number: int) -> None:
        async def both(tx: Any) -> None:
            await suggestions.decide_sent(
                tx, suggestion_id=made.id, position=0, final_text=f"{number}", account_id=account.id
            )
            await conversations.post(
                tx,
                conversation_id=received.conversation.id,
                kind="agent",
                text=f"{number}",
                author_id=account.id,
            )

        await db.write(both)

    results = await asyncio.gather(*(decide_and_post(n) for n in range(10)), return_exceptions=True)
    assert Counter(type(result) for result in results) == {type(None): 1, AlreadyDecided: 9}
    async with db.read() as tx:
        posted = await conversations.messages_after(tx, received.conversation.id, 1)
        stored = await suggestions.suggestion(tx, made.id)
    assert [message.text for message in posted] == [stored.candidates[0].final_text]


async def test_a_message_and_a_send_at_once_end_in_one_order_or_the_other(
    db: Database, new_customer: Any, say: Any, suggest: Suggest, account: Any
) -> None:
    for _ in range(5):
        customer = await new_customer(db)
        made = await suggest(await say(db, customer.id))
        _, outcome = await asyncio.gather(
            say(db, customer.id, "cancel it"),
            send(db, made.id, "It ships today.", account.id),
            return_exceptions=True,
        )
        async with db.read() as tx:
            stored = await suggestions.suggestion(tx, made.id)
        if isinstance(outcome, StaleSuggestion):
            assert stored.state == "stale"
        else:
            assert stored.state == "decided" and stored.candidates[0].outcome == "accepted"


async def test_rejecting_one_draft_leaves_the_others_to_be_sent(
    db: Database, new_customer: Any, say: Any, suggest: Suggest, account: Any
) -> None:
    made = await suggest(await say(db, (await new_customer(db)).id))

    async def reject(position: int | None) -> Suggestion:
        return await db.write(
            lambda tx: suggestions.reject(
                tx, suggestion_id=made.id, position=position, reason="off topic", account_id=account.id
            )
        )

    rejected = await reject(1)
    assert rejected.state == "open"
    assert (rejected.candidates[1].outcome, rejected.candidates[1].reason) == ("rejected", "off topic")
    with pytest.raises(AlreadyDecided):
        await reject(1)
    with pytest.raises(NotFound):
        await reject(7)
    decided = await send(db, made.id, "It ships today.", account.id)
    assert [draft.outcome for draft in decided.candidates] == ["accepted", "rejected"]
    with pytest.raises(AlreadyDecided):
        await reject(None)


async def test_rejecting_all_drafts_decides_the_suggestion(
    db: Database, new_customer: Any, say: Any, suggest: Suggest, account: Any
) -> None:
    made = await suggest(await say(db, (await new_customer(db)).id))
    rejected = await db.write(
        lambda tx: suggestions.reject(
            tx, suggestion_id=made.id, position=None, reason="rude", account_id=account.id
        )
    )
    assert rejected.state == "decided"
    assert [draft.outcome for draft in rejected.candidates] == ["rejected", "rejected"]
    with pytest.raises(AlreadyDecided):
        await send(db, made.id, "It ships today.", account.id)


async def test_an_unknown_suggestion_or_draft_is_not_found(
    db: Database, new_customer: Any, say: Any, suggest: Suggest, account: Any
) -> None:
    made = await suggest(await say(db, (await new_customer(db)).id))
    with pytest.raises(NotFound):
        await send(db, uuid4(), "hi", account.id)
    with pytest.raises(NotFound):
        await send(db, made.id, "hi", account.id, position=9)
    async with db.read() as tx:
        assert (await suggestions.suggestion(tx, made.id)).state == "open"


async def test_a_suggestion_may_be_empty_and_its_numbers_must_be_finite(
    db: Database, new_customer: Any, say: Any, suggest: Suggest, drafts: Any
) -> None:
    received = await say(db, (await new_customer(db)).id)
    assert (await suggest(received, candidates=[], decision="silent")).candidates == ()
    with pytest.raises(Invalid):
        await suggest(received, candidates=[replace(drafts[0], features={"x": float("nan")})])
