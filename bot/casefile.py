"""The case at hand: all that answering one customer message needs to know, read in one transaction.

Turns stored records into what the language models and the policy understand, and their readings
into records. Knows storage and nlp.types; decides nothing and writes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

import numpy as np

from bot import rules
from bot.messages import PolicyMode
from bot.policy import MODES, Asked, Context, Policy, unsigned
from nlp.types import Analysis, Draft, Entity, Evidence, Intent, ReplyRequest, Sentiment, Turn, Vector
from nlp.values import conversation_values
from storage import analyses, conversations, knowledge, settings_store
from storage.database import Transaction
from storage.errors import NotFound
from storage.records import (
    AnalysisRecord,
    CandidateRecord,
    Conversation,
    Customer,
    EntityRecord,
    Message,
    WorkItem,
)

RECENT = 200
"""Messages of a conversation that are looked at, the latest up to the one at hand."""
TURNS = 20
"""Turns that the models get to see."""
MODE_KEY = "policy.mode"
TOLERATED_KEY = "policy.tolerated"
"""Per cent of wrong automatic replies that an admin has chosen to tolerate."""
FLOORS_KEY = "policy.floors"
"""By model version: {"tolerated": per cent, "floor": score or null, "why": text, "at": time}."""


@dataclass(frozen=True, slots=True)
class Case:
    """One customer message and its surroundings at the moment of reading."""

    message: Message
    conversation: Conversation
    customer: Customer
    recent: Sequence[Message]
    """Messages up to this one and with it, oldest first."""
    readings: Mapping[UUID, AnalysisRecord]
    embedding: Vector | None
    """Of this message, where it was read before."""
    facts: Mapping[str, str]
    policy: Policy

    @property
    def overtaken(self) -> bool:
        """The customer has written again: the work on that message will make the drafts."""
        return self.conversation.last_customer_seq > self.message.seq

    def known_reading(self, version: str) -> Analysis | None:
        """The analysis of this message that an earlier try made with this model version, if any."""
        record = self.readings.get(self.message.id)
        if record is None or self.embedding is None or record.model_version != version:
            return None
        return _analysis(record, self.embedding)

    def context(self) -> Context:
        """What policy looks at."""
        return Context(
            text=self.message.text,
            owned_by_person=self.conversation.owner == "person",
            unsettled=tuple(self._unsettled()),
        )

    def request(self, analysis: Analysis) -> ReplyRequest:
        """What the reply engine looks at."""
        return ReplyRequest(
            turns=[_turn(message) for message in self.recent if message.kind in _ROLES][-TURNS:],
            analysis=analysis,
            facts=self.facts,
            values=self._values(analysis),
            earlier=[Intent(reading.intent, reading.intent_score) for _, reading in self._read_before()],
        )

    def _unsettled(self) -> list[Asked]:
        asked: list[Asked] = []
        for message in self.recent[:-1]:
            if message.kind == "agent":
                asked.clear()
            elif message.kind == "customer" and message.id in self.readings:
                reading = self.readings[message.id]
                asked.append(Asked(reading.intent, reading.negative))
        return asked

    def _read_before(self) -> list[tuple[Message, AnalysisRecord]]:
        """The customer's earlier messages and their readings."""
        return [
            (message, self.readings[message.id])
            for message in self.recent[:-1]
            if message.kind == "customer" and message.id in self.readings
        ]

    def _values(self, analysis: Analysis) -> dict[str, str]:
        """This conversation's own values by slot, and who the customer is where we know."""
        earlier = [
            (message.text, [_entity(entity) for entity in reading.entities])
            for message, reading in self._read_before()
        ]
        values = conversation_values([*earlier, (self.message.text, analysis.entities)])
        if self.customer.display_name:
            values["customer_name"] = self.customer.display_name
        return values


_ROLES = {"customer": "customer", "agent": "agent", "bot": "agent"}


async def open_case(tx: Transaction, work: WorkItem, policy: Policy) -> Case | None:
    """Read the case; None where the message is gone, because somebody erased its customer."""
    try:
        message = await conversations.message(tx, work.message_id)
        conversation = await conversations.conversation(tx, work.conversation_id)
        customer = await conversations.customer(tx, conversation.customer_id)
    except NotFound:
        return None
    recent = await conversations.recent_messages(tx, conversation.id, RECENT, up_to_seq=message.seq)
    of_customer = [earlier.id for earlier in recent if earlier.kind == "customer"]
    stored = (await analyses.embeddings_of(tx, [message.id])).get(message.id)
    return Case(
        message=message,
        conversation=conversation,
        customer=customer,
        recent=recent,
        readings=await analyses.analysis_of(tx, of_customer),
        embedding=None if stored is None else np.frombuffer(stored, dtype=np.float32),
        facts=await knowledge.facts(tx),
        policy=await policy_in_force(tx, policy, conversation.channel),
    )


async def policy_in_force(tx: Transaction, default: Policy, channel: str | None = None) -> Policy:
    """The policy with what the admins have set, for a channel; what they have not set is as in `default`."""
    mode = await settings_store.get_setting(tx, MODE_KEY)
    tolerated = await settings_store.get_setting(tx, TOLERATED_KEY)
    kept = await settings_store.get_setting(tx, FLOORS_KEY, {})
    known: dict[str, PolicyMode] = {name: name for name in MODES}
    # a floor that was fitted for another tolerated rate is none
    fitted = {name: one["floor"] for name, one in kept.items() if one["tolerated"] == tolerated}
    return replace(
        await rules.in_force(tx, default, channel),
        mode=known.get(str(mode), default.mode),
        floors={name: float(floor) for name, floor in fitted.items() if floor is not None},
    )


def analysis_record(message_id: UUID, version: str, analysis: Analysis, latency_ms: float) -> AnalysisRecord:
    """A reading as it is stored; its embedding is stored beside it."""
    mood = analysis.sentiment
    return AnalysisRecord(
        message_id=message_id,
        model_version=version,
        language=analysis.language,
        language_score=analysis.language_score,
        negative=mood.negative,
        neutral=mood.neutral,
        positive=mood.positive,
        intent=analysis.intent.name,
        intent_score=analysis.intent.score,
        entities=tuple(
            EntityRecord(e.type, e.text, e.start, e.end, e.value, e.score, e.source)
            for e in analysis.entities
        ),
        latency_ms=latency_ms,
    )


def candidate_records(drafts: Sequence[Draft]) -> tuple[CandidateRecord, ...]:
    """Drafts, best first, as the ledger stores them."""
    return tuple(
        CandidateRecord(
            position=position,
            text=draft.text,
            template=draft.template,
            score=draft.score,
            source=draft.source,
            evidence=tuple(_cited(one) for one in draft.evidence),
            unfilled=draft.unfilled,
            features=dict(draft.features),
        )
        for position, draft in enumerate(drafts)
    )


def _cited(one: Evidence) -> dict[str, object]:
    return {"kind": one.kind, "id": one.id, "title": one.title, "score": round(one.score, 4)}


def _turn(message: Message) -> Turn:
    if message.kind == "customer":
        return Turn("customer", message.text)
    return Turn("agent", unsigned(message.text))


def _analysis(record: AnalysisRecord, embedding: Vector) -> Analysis:
    return Analysis(
        language=record.language,
        language_score=record.language_score,
        sentiment=Sentiment(record.negative, record.neutral, record.positive),
        entities=tuple(_entity(entity) for entity in record.entities),
        intent=Intent(record.intent, record.intent_score),
        embedding=embedding,
    )


def _entity(record: EntityRecord) -> Entity:
    source = record.source
    known = source if source in ("recogniser", "tagger", "catalogue") else "tagger"
    return Entity(record.type, record.text, record.start, record.end, record.value, record.score, known)  # type: ignore[arg-type]
