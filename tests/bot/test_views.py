"""What people see is spelled in one place, and a customer sees little."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest

from bot import views
from storage.records import (
    AnalysisRecord,
    CandidateRecord,
    Conversation,
    ConversationSummary,
    Customer,
    EntityRecord,
    Message,
    Suggestion,
)

AT = datetime(2025, 3, 4, 10, 30, tzinfo=UTC)
ONE, TWO, THREE = (UUID(int=n) for n in (1, 2, 3))

MESSAGE = Message(
    id=ONE,
    conversation_id=TWO,
    seq=7,
    kind="agent",
    text="Soon.",
    client_msg_id="a-1",
    channel_msg_id="web-1",
    author_id=THREE,
    author_name="Moira",
    delivery="sent",
    automatic=False,
    at=AT,
)
READING = AnalysisRecord(
    message_id=ONE,
    model_version="v1",
    language="en",
    language_score=0.99,
    negative=0.7,
    neutral=0.2,
    positive=0.1,
    intent="order_status",
    intent_score=0.8,
    entities=(EntityRecord("order_id", "TT-104823", 6, 15, "TT-104823", 0.99, "recogniser"),),
    latency_ms=12.0,
)
CUSTOMER = Customer(THREE, "", None, "en", AT)
CONVERSATION = Conversation(
    id=TWO,
    customer_id=THREE,
    channel="web",
    status="open",
    owner="person",
    assignee_id=ONE,
    priority="high",
    tags=("returns",),
    last_seq=7,
    last_customer_seq=6,
    snoozed_until=None,
    created_at=AT,
    updated_at=AT,
    handoff_reason="very_angry",
)


def test_a_customer_sees_the_message_and_nothing_of_how_we_work() -> None:
    assert views.message_for_customer(MESSAGE) == {
        "id": str(ONE),
        "seq": 7,
        "kind": "agent",
        "text": "Soon.",
        "at": "2025-03-04T10:30:00+00:00",
        "author_name": "Moira",
        "automatic": False,
        "client_msg_id": "a-1",
    }


@pytest.mark.parametrize(
    ("kind", "shown"),
    [("customer", True), ("agent", True), ("bot", True), ("note", False), ("activity", False)],
)
def test_notes_and_activity_are_not_for_customers(kind: str, shown: bool) -> None:
    message = replace(MESSAGE, kind=kind)  # type: ignore[arg-type]
    assert views.is_for_customer(message) is shown


def test_an_agent_sees_delivery_author_and_reading() -> None:
    seen = views.message_for_agent(MESSAGE, READING)
    assert seen["delivery"] == "sent"
    assert seen["author_id"] == str(THREE)
    assert seen["analysis"]["sentiment"] == {
        "negative": 0.7,
        "neutral": 0.2,
        "positive": 0.1,
        "label": "negative",
        "score": 0.7,
    }
    assert seen["analysis"]["intent"] == {"name": "order_status", "score": 0.8}
    assert seen["analysis"]["entities"][0]["value"] == "TT-104823"
    assert views.message_for_agent(MESSAGE)["analysis"] is None


def test_a_suggestion_shows_its_drafts_and_their_sources() -> None:
    candidate = CandidateRecord(
        position=0,
        text="It arrives on [eta date].",
        template="It arrives on <|slot:eta_date|>.",
        score=0.6,
        source="article",
        evidence=({"kind": "article", "id": "x", "title": "Delivery"},),
        unfilled=("eta_date",),
    )
    record = Suggestion(ONE, TWO, THREE, 6, "v1", "draft", "suggest", "why", 30.0, "open", (candidate,), AT)
    seen = views.suggestion(record)
    assert seen is not None
    assert seen["candidates"] == [
        {
            "position": 0,
            "text": "It arrives on [eta date].",
            "score": 0.6,
            "source": "article",
            "evidence": [{"kind": "article", "id": "x", "title": "Delivery"}],
            "unfilled": ["eta_date"],
            "outcome": None,
        }
    ]
    assert views.suggestion(None) is None


def test_a_customer_learns_of_a_person_but_not_why_nor_how_urgent() -> None:
    seen = views.conversation_for_customer(CONVERSATION)
    assert seen["with_person"] is True
    assert not {"handoff_reason", "priority", "tags", "assignee_id"} & set(seen)


def test_a_line_of_the_inbox_names_who_gave_no_name() -> None:
    summary = ConversationSummary(CONVERSATION, CUSTOMER, MESSAGE, "negative", 2)
    seen = views.summary(summary)
    assert seen["customer"]["display_name"] == "Visitor"
    assert seen["conversation"]["handoff_reason"] == "very_angry"
    assert (seen["mood"], seen["unread"]) == ("negative", 2)


def test_every_event_is_json() -> None:
    summary = ConversationSummary(CONVERSATION, CUSTOMER, None, None, 0)
    events = [
        views.message_event(MESSAGE),
        views.customer_message_event(MESSAGE),
        views.analysis_event(TWO, READING),
        views.suggestions_event(TWO, None),
        views.summary_event(summary),
        views.customer_conversation_event(CONVERSATION),
        views.delivery_event(TWO, [ONE], "sent"),
        views.typing_event(TWO, who="agent", name="Moira", on=True),
    ]
    for event in events:
        assert json.loads(json.dumps(event)) == event
