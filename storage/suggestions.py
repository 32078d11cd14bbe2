"""The suggestion ledger: what was drafted, by which version, and what became of every draft.

Knows no model and no policy. A conversation has one open suggestion at most. Whatever decides one
locks the conversation first, as receiving does, so that a draft can't be sent past a newer message.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import fields
from typing import Any, Final
from uuid import UUID

from rapidfuzz.distance import Levenshtein
from sqlalchemy import func, select, text, update
from sqlalchemy.engine import RowMapping

from storage.errors import AlreadyDecided, NotFound, StaleSuggestion
from storage.records import CandidateRecord, Suggestion
from storage.rows import to_candidate, to_suggestion
from storage.schema import candidates as drafts
from storage.schema import conversations, messages
from storage.schema import suggestions as table
from storage.stamps import new_id, now
from storage.transaction import Transaction

# written out as in its partial index: a planner can't match a parameter with that
_IS_OPEN: Final = text("suggestions.state = 'open'")
_UUID: Final = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


async def record(
    tx: Transaction,
    *,
    conversation_id: UUID,
    message_id: UUID,
    based_on_seq: int,
    model_version: str,
    mode: str,
    decision: str,
    why: str,
    latency_ms: float,
    candidates: Sequence[CandidateRecord],
    alone: bool = False,
) -> Suggestion:
    """Store drafts; an open suggestion of the conversation becomes stale.

    `alone` says that nothing but its score and the mode keeps the first draft from going out alone. What the
    drafts cite of conversations that were erased meanwhile is left out. The new one is itself stale from the
    start when the customer wrote after `based_on_seq`; look at its state before showing or sending it.
    Raises NotFound for an unknown conversation.
    """
    last_customer_seq = await _lock(tx, conversation_id)
    await mark_stale(tx, conversation_id)
    stale = last_customer_seq > based_on_seq
    row: dict[str, Any] = {
        "id": new_id(),
        "conversation_id": conversation_id,
        "message_id": message_id,
        "based_on_seq": based_on_seq,
        "model_version": model_version,
        "mode": mode,
        "decision": decision,
        "why": why,
        "latency_ms": latency_ms,
        "alone": alone,
        "state": "stale" if stale else "open",
        "created_at": now(),
    }
    await tx.insert(table, [row])
    fate = {"outcome": "stale", "decided_at": row["created_at"]} if stale else {}
    gone = await _gone(tx, candidates)
    rows = [_draft_row(draft, gone) | fate | {"suggestion_id": row["id"]} for draft in candidates]
    await tx.insert(drafts, rows)
    return await suggestion(tx, row["id"])


async def _gone(tx: Transaction, candidates: Sequence[CandidateRecord]) -> frozenset[str]:
    """Cited replies that were erased while the drafts were made."""
    cited = (item for draft in candidates for item in draft.evidence if item.get("kind") == "reply")
    by_id = {UUID(one): one for item in cited if _UUID.fullmatch(one := str(item.get("id")))}
    there = await tx.all(select(messages.c.id).where(messages.c.id.in_(by_id))) if by_id else ()
    return frozenset(by_id.values()) - {by_id[row["id"]] for row in there}


def _draft_row(draft: CandidateRecord, gone: frozenset[str]) -> dict[str, Any]:
    row = {entry.name: getattr(draft, entry.name) for entry in fields(draft)}
    row["evidence"] = [dict(item) for item in draft.evidence if item.get("id") not in gone]
    row["features"] = dict(draft.features)
    return row


async def _lock(tx: Transaction, conversation_id: UUID) -> int:
    """Lock the conversation; its last_customer_seq."""
    seq = await tx.scalar(
        select(conversations.c.last_customer_seq)
        .where(conversations.c.id == conversation_id)
        .with_for_update(key_share=True)
    )
    if seq is None:
        raise NotFound("no such conversation")
    return int(seq)


async def mark_stale(tx: Transaction, conversation_id: UUID) -> None:
    """The conversation's open suggestion, if any, can't be sent any more; undecided drafts become stale."""
    gone = (
        update(table)
        .where(table.c.conversation_id == conversation_id, _IS_OPEN)
        .values(state="stale")
        .returning(table.c.id)
    )
    for row in await tx.all(gone):  # one at most, by the unique index
        await _settle_rest(tx, row["id"], "stale", None)


async def suggestion(tx: Transaction, suggestion_id: UUID) -> Suggestion:
    """One suggestion with its candidates by position; raises NotFound."""
    row = await tx.first(select(table).where(table.c.id == suggestion_id))
    if row is None:
        raise NotFound("no such suggestion")
    return await _with_candidates(tx, row)


async def open_suggestion(tx: Transaction, conversation_id: UUID) -> Suggestion | None:
    """The suggestion that an agent may send now, if there is one."""
    row = await tx.first(select(table).where(table.c.conversation_id == conversation_id, _IS_OPEN))
    return None if row is None else await _with_candidates(tx, row)


async def _with_candidates(tx: Transaction, row: RowMapping) -> Suggestion:
    of_it = drafts.c.suggestion_id == row[table.c.id]
    found = await tx.all(select(drafts).where(of_it).order_by(drafts.c.position))
    return to_suggestion(row, tuple(to_candidate(draft) for draft in found))


async def decide_sent(
    tx: Transaction,
    *,
    suggestion_id: UUID,
    position: int | None,
    final_text: str,
    account_id: UUID | None,
) -> Suggestion:
    """An agent sends the draft at `position`, as it is or edited; None says that they wrote their own.

    `account_id` None says that the bot answered by itself. Call it in the transaction that posts
    the message. Raises StaleSuggestion, AlreadyDecided or NotFound; exactly one of two callers wins.
    """
    stored = await _open_for_decision(tx, suggestion_id)
    draft = None if position is None else _at(stored, position)
    claimed = update(table).where(table.c.id == suggestion_id, table.c.state == "open")
    if not await tx.changed(claimed.values(state="decided")):
        raise AlreadyDecided("this suggestion was decided already")
    if draft is not None:
        verdict = _compare(draft.text, final_text)
        await _settle(tx, suggestion_id, draft.position, account_id, **verdict)
    await _settle_rest(tx, suggestion_id, "ignored", account_id)
    return await suggestion(tx, suggestion_id)


async def reject(
    tx: Transaction, *, suggestion_id: UUID, position: int | None, reason: str, account_id: UUID
) -> Suggestion:
    """An agent rejects one draft, or all that are left (None); the last one decides the suggestion.

    Raises StaleSuggestion, AlreadyDecided (also for a draft that was rejected before) or NotFound.
    """
    stored = await _open_for_decision(tx, suggestion_id)
    if position is None:
        await _settle_rest(tx, suggestion_id, "rejected", account_id, reason)
    elif _at(stored, position).outcome is not None:
        raise AlreadyDecided("this draft was decided already")
    else:
        await _settle(tx, suggestion_id, position, account_id, outcome="rejected", reason=reason)
    left = select(drafts.c.position).where(drafts.c.suggestion_id == suggestion_id)
    if await tx.first(left.where(drafts.c.outcome.is_(None))) is None:
        await tx.execute(update(table).where(table.c.id == suggestion_id).values(state="decided"))
    return await suggestion(tx, suggestion_id)


async def _open_for_decision(tx: Transaction, suggestion_id: UUID) -> Suggestion:
    """Lock its conversation, then read it; raises unless it is open and no newer message is there."""
    conversation_id = await tx.scalar(select(table.c.conversation_id).where(table.c.id == suggestion_id))
    if conversation_id is None:
        raise NotFound("no such suggestion")
    last_customer_seq = await _lock(tx, conversation_id)
    stored = await suggestion(tx, suggestion_id)
    if stored.state == "decided":
        raise AlreadyDecided("this suggestion was decided already")
    if stored.state == "stale" or last_customer_seq > stored.based_on_seq:
        raise StaleSuggestion("the customer wrote again after this draft was made")
    return stored


def _at(stored: Suggestion, position: int) -> CandidateRecord:
    for draft in stored.candidates:
        if draft.position == position:
            return draft
    raise NotFound("no such draft")


def _compare(draft: str, final_text: str) -> dict[str, Any]:
    same = draft.strip() == final_text.strip()
    distance = 0.0 if same else Levenshtein.normalized_distance(draft.strip(), final_text.strip())
    return {
        "outcome": "accepted" if same else "edited",
        "final_text": final_text,
        "edit_distance": distance,
        "reason": None,
    }


async def _settle(
    tx: Transaction, suggestion_id: UUID, position: int, account_id: UUID | None, **values: Any
) -> None:
    one = update(drafts).where(drafts.c.suggestion_id == suggestion_id, drafts.c.position == position)
    await tx.execute(one.values(decided_by=account_id, decided_at=now(), **values))


async def _settle_rest(
    tx: Transaction, suggestion_id: UUID, outcome: str, account_id: UUID | None, reason: str | None = None
) -> None:
    rest = update(drafts).where(drafts.c.suggestion_id == suggestion_id, drafts.c.outcome.is_(None))
    await tx.execute(rest.values(outcome=outcome, reason=reason, decided_by=account_id, decided_at=now()))


async def counts(tx: Transaction) -> dict[str, int]:
    """How many candidates ended as what; "open" counts the undecided."""
    outcome = func.coalesce(drafts.c.outcome, "open").label("outcome")
    rows = await tx.all(select(outcome, func.count().label("n")).group_by(outcome))
    return {str(row["outcome"]): int(row["n"]) for row in rows}
