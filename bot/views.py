"""Records to JSON-ready dicts: the one place where what people see is spelled.

REST answers, WebSocket frames and live events are all made here, so that they can't drift apart.
Knows the records of storage and no web framework. A customer sees `message_for_customer` and
`conversation_for_customer` and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from storage.records import (
    AnalysisRecord,
    CandidateRecord,
    Conversation,
    ConversationSummary,
    Customer,
    Message,
    Suggestion,
)

Json = dict[str, Any]

CUSTOMER_KINDS = frozenset({"customer", "agent", "bot"})
"""The kinds of message that a customer may see: never notes, never activity."""

VISITOR = "Visitor"
"""The name of a customer who gave none."""


def is_for_customer(message: Message) -> bool:
    """Whether a customer may see this message."""
    return message.kind in CUSTOMER_KINDS


def message_for_customer(message: Message) -> Json:
    """A message as its customer sees it."""
    return {
        "id": str(message.id),
        "seq": message.seq,
        "kind": message.kind,
        "text": message.text,
        "at": _time(message.at),
        "author_name": message.author_name,
        "automatic": message.automatic,
        "client_msg_id": message.client_msg_id,
    }


def message_for_agent(message: Message, reading: AnalysisRecord | None = None) -> Json:
    """A message as agents see it, with what was read in it, if anything was yet."""
    return message_for_customer(message) | {
        "conversation_id": str(message.conversation_id),
        "delivery": message.delivery,
        "author_id": _id(message.author_id),
        "analysis": None if reading is None else analysis(reading),
    }


def analysis(record: AnalysisRecord) -> Json:
    """What was read in a message; scores are 0..1, offsets are characters."""
    scores = {"negative": record.negative, "neutral": record.neutral, "positive": record.positive}
    return {
        "language": record.language,
        "language_score": record.language_score,
        "sentiment": {**scores, "label": record.mood, "score": max(scores.values())},
        "intent": {"name": record.intent, "score": record.intent_score},
        "entities": [
            {
                "type": entity.type,
                "text": entity.text,
                "start": entity.start,
                "end": entity.end,
                "value": entity.value,
                "score": entity.score,
                "source": entity.source,
            }
            for entity in record.entities
        ],
        "model_version": record.model_version,
    }


def suggestion(record: Suggestion | None) -> Json | None:
    """The drafts for one customer message; None where there is nothing to show."""
    if record is None:
        return None
    return {
        "id": str(record.id),
        "message_id": str(record.message_id),
        "based_on_seq": record.based_on_seq,
        "model_version": record.model_version,
        "state": record.state,
        "decision": record.decision,
        "why": record.why,
        "latency_ms": record.latency_ms,
        "candidates": [_candidate(candidate) for candidate in record.candidates],
    }


def _candidate(record: CandidateRecord) -> Json:
    return {
        "position": record.position,
        "text": record.text,
        "score": record.score,
        "source": record.source,
        "evidence": [dict(evidence) for evidence in record.evidence],
        "unfilled": list(record.unfilled),
        "outcome": record.outcome,
    }


def conversation(record: Conversation) -> Json:
    """A conversation as agents see it."""
    return {
        "id": str(record.id),
        "customer_id": str(record.customer_id),
        "channel": record.channel,
        "status": record.status,
        "owner": record.owner,
        "assignee_id": _id(record.assignee_id),
        "priority": record.priority,
        "tags": list(record.tags),
        "last_seq": record.last_seq,
        "last_customer_seq": record.last_customer_seq,
        "snoozed_until": None if record.snoozed_until is None else _time(record.snoozed_until),
        "handoff_reason": record.handoff_reason,
        "created_at": _time(record.created_at),
        "updated_at": _time(record.updated_at),
    }


def conversation_for_customer(record: Conversation) -> Json:
    """A conversation as its customer sees it: nothing of how we work."""
    return {
        "id": str(record.id),
        "channel": record.channel,
        "resolved": record.status == "resolved",
        "with_person": record.owner == "person",
        "created_at": _time(record.created_at),
    }


def customer(record: Customer) -> Json:
    """Who writes to us, for agents."""
    return {
        "id": str(record.id),
        "display_name": record.display_name or VISITOR,
        "email": record.email,
        "locale": record.locale,
        "created_at": _time(record.created_at),
    }


def summary(record: ConversationSummary) -> Json:
    """One line of the inbox."""
    last = record.last_message
    return {
        "conversation": conversation(record.conversation),
        "customer": customer(record.customer),
        "last_message": None if last is None else message_for_agent(last),
        "mood": record.mood,
        "unread": record.unread,
    }


def message_event(message: Message) -> Mapping[str, Any]:
    """The live event of a new message, for agents."""
    return {
        "type": "message",
        "conversation_id": str(message.conversation_id),
        "message": message_for_agent(message),
    }


def customer_message_event(message: Message) -> Mapping[str, Any]:
    """The live event of a new message, for its customer; only for kinds in CUSTOMER_KINDS."""
    return {
        "type": "message",
        "conversation_id": str(message.conversation_id),
        "message": message_for_customer(message),
    }


def analysis_event(conversation_id: UUID, record: AnalysisRecord) -> Mapping[str, Any]:
    """The live event of a reading."""
    return {
        "type": "analysis",
        "conversation_id": str(conversation_id),
        "message_id": str(record.message_id),
        "analysis": analysis(record),
    }


def suggestions_event(conversation_id: UUID, record: Suggestion | None) -> Mapping[str, Any]:
    """The live event of new drafts, or of there being none any more."""
    return {
        "type": "suggestions",
        "conversation_id": str(conversation_id),
        "suggestion": suggestion(record),
    }


def summary_event(record: ConversationSummary) -> Mapping[str, Any]:
    """The live event of a changed conversation: its line of the inbox, whole."""
    return {"type": "conversation", "conversation": summary(record)}


def customer_conversation_event(record: Conversation) -> Mapping[str, Any]:
    """The live event of a changed conversation, for its customer."""
    return {"type": "conversation", "conversation": conversation_for_customer(record)}


def delivery_event(conversation_id: UUID, message_ids: list[UUID], state: str) -> Mapping[str, Any]:
    """The live event of messages that were sent, delivered or not."""
    return {
        "type": "delivery",
        "conversation_id": str(conversation_id),
        "message_ids": [str(message_id) for message_id in message_ids],
        "state": state,
    }


def erased_event(customer_id: UUID) -> Mapping[str, Any]:
    """The live event of a customer who was erased."""
    return {"type": "erased", "customer_id": str(customer_id)}


def typing_event(conversation_id: UUID, *, who: str, name: str, on: bool) -> Mapping[str, Any]:
    """The live event of somebody typing; `who` is "customer" or "agent"."""
    return {"type": "typing", "conversation_id": str(conversation_id), "who": who, "name": name, "on": on}


def automatic_event(version: str, *, on: bool, why: str) -> Mapping[str, Any]:
    """The live event of automatic replies that have begun or stopped, and why."""
    return {"type": "automatic", "version": version, "on": on, "why": why}


def _id(value: UUID | None) -> str | None:
    return None if value is None else str(value)


def _time(value: datetime) -> str:
    return value.isoformat()
