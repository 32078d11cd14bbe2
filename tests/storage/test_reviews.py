"""Reviewed first drafts by version, and reviews of what went out alone, on both databases."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

import pytest

from storage import conversations, reviews, suggestions
from storage.database import Database
from storage.errors import NotFound
from storage.records import CandidateRecord, Received, Suggestion

Draft = Callable[..., Awaitable[Suggestion]]
TEXT = "Your parcel leaves our house today and will be with you tomorrow."


@pytest.fixture
def drafted(db: Database, new_customer: Any, say: Any) -> Draft:
    """A message with two drafts, the first of which has this score."""

    async def make(score: float, **changes: Any) -> Suggestion:
        received: Received = await say(db, (await new_customer(db)).id)
        given = {
            "conversation_id": received.conversation.id,
            "message_id": received.message.id,
            "based_on_seq": received.message.seq,
            "model_version": "v1",
            "mode": "draft",
            "decision": "suggest",
            "why": "",
            "latency_ms": 1.0,
            "candidates": [
                CandidateRecord(0, TEXT, TEXT, score, "reply"),
                CandidateRecord(1, "Which order?", "Which order?", score / 2, "reply"),
            ],
            "alone": True,
        } | changes
        return await db.write(lambda tx: suggestions.record(tx, **given))

    return make


async def sent(db: Database, made: Suggestion, text: str, account_id: Any, position: int | None = 0) -> None:
    await db.write(
        lambda tx: suggestions.decide_sent(
            tx, suggestion_id=made.id, position=position, final_text=text, account_id=account_id
        )
    )


async def went_out(db: Database, made: Suggestion) -> None:
    """As when the bot answered by itself, and the reply was drawn for a review."""
    await sent(db, made, TEXT, None)

    async def post(tx: Any) -> None:
        posted = await conversations.post(
            tx, conversation_id=made.conversation_id, kind="bot", text=TEXT, automatic=True
        )
        await reviews.ask(tx, suggestion_id=made.id, message_id=posted.message.id)
        await reviews.ask(tx, suggestion_id=made.id, message_id=posted.message.id)

    await db.write(post)


async def test_each_outcome_of_a_first_draft_counts_as_what_it_says(
    db: Database, drafted: Draft, account: Any
) -> None:
    await sent(db, await drafted(0.1), TEXT, account.id)
    await sent(db, await drafted(0.2), TEXT.replace("parcel", "order"), account.id)
    await sent(db, await drafted(0.3), "No. " + TEXT[20:], account.id)
    await sent(db, await drafted(0.4), "Which order?", account.id, position=1)
    await sent(db, await drafted(0.5), "My own words.", account.id, position=None)
    rejected = await drafted(0.6)
    await db.write(
        lambda tx: suggestions.reject(
            tx, suggestion_id=rejected.id, position=0, reason="", account_id=account.id
        )
    )
    async with db.read() as tx:
        found = await reviews.reviewed_drafts(tx, "v1", limit=10)
        newest = await reviews.reviewed_drafts(tx, "v1", limit=2)
    assert [(one.score, one.outcome, one.acceptable) for one in found] == [
        (0.6, "rejected", False),
        (0.5, "ignored", False),
        (0.4, "ignored", False),
        (0.3, "edited", False),
        (0.2, "edited", True),
        (0.1, "accepted", True),
    ]
    assert newest == found[:2]


async def test_what_nobody_judged_or_could_never_go_out_alone_does_not_count(
    db: Database, drafted: Draft, say: Any, account: Any
) -> None:
    await drafted(0.9)
    stale = await drafted(0.8)
    async with db.read() as tx:
        customer_id = (await conversations.conversation(tx, stale.conversation_id)).customer_id
    await say(db, customer_id, "never mind")
    await sent(db, await drafted(0.7, alone=False), TEXT, account.id)
    await sent(db, await drafted(0.6, model_version="v2"), TEXT, account.id)
    unsampled = await drafted(0.5, decision="answer")
    await sent(db, unsampled, TEXT, None)
    async with db.read() as tx:
        assert await reviews.reviewed_drafts(tx, "v1", limit=10) == []
        (other,) = await reviews.reviewed_drafts(tx, "v2", limit=10)
    assert other.score == 0.6


async def test_scores_of_all_messages_tell_what_could_not_go_out_alone(
    db: Database, drafted: Draft, new_customer: Any, say: Any
) -> None:
    await drafted(0.9)
    await drafted(0.8, alone=False, decision="hand_off")
    await drafted(0.0, alone=False, decision="silent", candidates=[])
    overtaken: Received = await say(db, (customer := await new_customer(db)).id)
    await say(db, customer.id, "and another thing")
    await drafted(
        0.7,
        alone=False,
        decision="silent",
        conversation_id=overtaken.conversation.id,
        message_id=overtaken.message.id,
        based_on_seq=1,
        candidates=[],
    )
    async with db.read() as tx:
        assert await reviews.first_scores(tx, "v1", limit=10) == [None, None, 0.9]
        assert await reviews.first_scores(tx, "v1", limit=1) == [None]
        assert await reviews.first_scores(tx, "v2", limit=10) == []


async def test_a_reply_that_went_out_alone_waits_for_its_verdict_and_counts_by_it(
    db: Database, drafted: Draft, account: Any
) -> None:
    first, second = [await drafted(score, decision="answer") for score in (0.9, 0.8)]
    for made in (first, second):
        await went_out(db, made)
    async with db.read() as tx:
        queue = await reviews.waiting(tx, "v1", limit=10)
        assert await reviews.reviewed_drafts(tx, "v1", limit=10) == []
        assert await reviews.waiting(tx, "v2", limit=10) == []
    assert [(one.suggestion_id, one.score, one.message.text) for one in queue] == [
        (first.id, 0.9, TEXT),
        (second.id, 0.8, TEXT),
    ]
    assert queue[0].conversation_id == first.conversation_id
    said = await db.write(lambda tx: reviews.judge(tx, first.id, "wrong", account.id))
    assert (said.verdict, said.model_version) == ("wrong", "v1") and said.decided_at is not None
    async with db.read() as tx:
        assert await reviews.tally(tx, "v1") == {"right": 0, "wrong": 1, "waiting": 1}
        (counted,) = await reviews.reviewed_drafts(tx, "v1", limit=10)
        assert [one.suggestion_id for one in await reviews.waiting(tx, "v1", limit=10)] == [second.id]
    assert (counted.outcome, counted.acceptable) == ("accepted", False)


async def test_the_latest_verdict_counts_and_may_be_taken_back(
    db: Database, drafted: Draft, account: Any
) -> None:
    await went_out(db, made := await drafted(0.9, decision="answer"))
    for verdict in ("wrong", "right", None):
        await db.write(lambda tx, said=verdict: reviews.judge(tx, made.id, said, account.id))
    async with db.read() as tx:
        assert await reviews.tally(tx, "v1") == {"right": 0, "wrong": 0, "waiting": 1}
    with pytest.raises(NotFound):
        await db.write(lambda tx: reviews.judge(tx, uuid4(), "right", account.id))


async def test_an_erased_customer_leaves_the_reviews(db: Database, drafted: Draft, account: Any) -> None:
    await went_out(db, made := await drafted(0.9, decision="answer"))
    await db.write(lambda tx: reviews.judge(tx, made.id, "right", account.id))
    async with db.read() as tx:
        customer_id = (await conversations.conversation(tx, made.conversation_id)).customer_id
    await db.write(lambda tx: conversations.erase_customer(tx, customer_id))
    async with db.read() as tx:
        assert await reviews.reviewed_drafts(tx, "v1", limit=10) == []
        assert await reviews.tally(tx, "v1") == {"right": 0, "wrong": 0, "waiting": 0}
