"""The end of the work on one message: suggestions, decision and finished work in one transaction.

Everything that may have changed while we were drafting is looked at again inside that transaction.
Whoever finishes the work row first records; a second run of the same work finds it gone and stores
nothing. Knows storage and policy; talks to nobody.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from bot import policy, risk
from bot.casefile import Case, policy_in_force
from bot.messages import Answer, Decision, HandOff, Silent, Suggest
from storage import conversations, reviews, suggestions, work
from storage.database import Transaction
from storage.records import CandidateRecord, Received, Suggestion, WorkItem


@dataclass(frozen=True, slots=True)
class Recorded:
    """What was stored: the row of the ledger, and what the bot said by itself, if it did: the reply, or
    that nobody is there now."""

    suggestion: Suggestion
    answer: Received | None


@dataclass(frozen=True, slots=True)
class Entry:
    """What is to be recorded about one message."""

    item: WorkItem
    case: Case
    model_version: str
    decision: Decision
    candidates: Sequence[CandidateRecord]
    latency_ms: float
    alone: bool = False
    """Nothing but its score and the mode kept the best draft from going out alone."""

    async def record(self, tx: Transaction) -> Recorded | None:
        """Finish the work and store its outcome; None where another run was faster."""
        if not await work.finish(tx, self.item.id):
            return None
        now = await conversations.conversation(tx, self.case.conversation.id, for_update=True)
        overtaken = now.last_customer_seq > self.case.message.seq
        answered = await self._a_person_wrote(tx)
        rules = await policy_in_force(tx, self.case.policy, now.channel)
        in_force = rules.of_version(self.model_version)
        decision = policy.revise(
            self.decision,
            overtaken=overtaken,
            answered=answered,
            owned_by_person=now.owner == "person",
            automatic=bool(self.candidates) and in_force.lets_out(self.candidates[0].score),
        )
        suggestion = await self._store(tx, decision)
        answer: Received | None = None
        if isinstance(decision, Answer):
            text = self.candidates[decision.index].text
            suggestion = await _settle(tx, suggestion, decision.index, text)
            # A slash: no sender may have one in its ids, so none can be in the way of ours.
            key = f"answer/{self.case.message.id}"
            answer = await post_alone(tx, now.id, policy.signed(text), key=key)
            if risk.sampled(self.case.message.id, in_force.review_share):
                await reviews.ask(tx, suggestion_id=suggestion.id, message_id=answer.message.id)
        elif answered:
            await suggestions.mark_stale(tx, now.id)
        elif not self.candidates or isinstance(decision, Silent):
            suggestion = await _settle(tx, suggestion, None, "")
        if answer is None and now.owner == "bot" and not (overtaken or answered):
            answer = await _say_when(tx, now.id, in_force)
        return Recorded(await suggestions.suggestion(tx, suggestion.id), answer)

    async def _a_person_wrote(self, tx: Transaction) -> bool:
        since = await conversations.messages_after(tx, self.case.conversation.id, self.case.message.seq)
        return any(message.kind == "agent" for message in since)

    async def _store(self, tx: Transaction, decision: Decision) -> Suggestion:
        """Store the row; it is stale from the start where the customer has written again."""
        name, why = described(decision)
        return await suggestions.record(
            tx,
            conversation_id=self.case.conversation.id,
            message_id=self.case.message.id,
            based_on_seq=self.case.message.seq,
            model_version=self.model_version,
            mode=self.case.policy.mode,
            decision=name,
            why=why,
            latency_ms=self.latency_ms,
            candidates=self.candidates,
            alone=self.alone,
        )


async def _say_when(tx: Transaction, conversation_id: UUID, in_force: policy.Policy) -> Received | None:
    """Where nobody is there now, tell the customer when somebody will be: once until then, and each day."""
    away = in_force.away(datetime.now(UTC))
    if away is None:
        return None
    return await post_alone(tx, conversation_id, away.text, key=away.key, answers=False)


async def post_alone(
    tx: Transaction, conversation_id: UUID, text: str, *, key: str, answers: bool = True
) -> Received:
    """A message of the bot's own, marked as automatic; `key` makes it happen once. What `answers` nothing
    leaves the customer waiting in the inbox.

    Raises TakenOver where a person owns the conversation.
    """
    return await conversations.post(
        tx,
        conversation_id=conversation_id,
        kind="bot",
        text=text,
        client_msg_id=key,
        automatic=True,
        expect_owner="bot",
        answers=answers,
    )


async def _settle(tx: Transaction, stored: Suggestion, position: int | None, text: str) -> Suggestion:
    """Nothing is left for an agent to decide: the bot answered (position), or there is nothing to show."""
    if stored.state != "open":
        return stored
    return await suggestions.decide_sent(
        tx, suggestion_id=stored.id, position=position, final_text=text, account_id=None
    )


def described(decision: Decision) -> tuple[str, str]:
    """The name of a decision and its reason, as the ledger keeps them."""
    match decision:
        case HandOff(reason=reason):
            return "hand_off", reason
        case Suggest(why=why):
            return "suggest", why
        case Answer(index=index):
            return "answer", f"draft {index} was sure enough"
        case Silent(why=why):
            return "silent", why
