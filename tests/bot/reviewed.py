"""Suggestions that agents have reviewed, put into a ledger at once, for the tests of automatic replies."""

from __future__ import annotations

from collections.abc import Iterable
from random import Random
from uuid import uuid4

from storage import conversations, suggestions
from storage.database import Database, Transaction
from storage.records import CandidateRecord

TEXT = "Your parcel leaves our house today."


async def reviewed(
    db: Database, account_id: object, drafts: Iterable[tuple[float, bool]], version: str = "fake-1"
) -> None:
    """First drafts by their score, sent as they were, or passed over for an agent's own words."""

    async def store(tx: Transaction) -> None:
        made = await conversations.import_conversation(
            tx, external_id=str(uuid4()), turns=[("customer", "Where is my parcel?", None)]
        )
        (asked,) = await conversations.messages_after(tx, made.conversation.id, 0)
        for score, acceptable in drafts:
            drafted = await suggestions.record(
                tx,
                conversation_id=made.conversation.id,
                message_id=asked.id,
                based_on_seq=asked.seq,
                model_version=version,
                mode="draft",
                decision="suggest",
                why="",
                latency_ms=1.0,
                candidates=[CandidateRecord(0, TEXT, TEXT, score, "reply")],
                alone=True,
            )
            await suggestions.decide_sent(
                tx,
                suggestion_id=drafted.id,
                position=0 if acceptable else None,
                final_text=TEXT if acceptable else "Let me look.",
                account_id=account_id,  # type: ignore[arg-type]
            )

    await db.write(store)


def all_good(count: int, score: float = 0.8) -> list[tuple[float, bool]]:
    """So many acceptable drafts of one score."""
    return [(score, True)] * count


def usual(count: int, seed: int = 5) -> list[tuple[float, bool]]:
    """Drafts whose score says how often they are acceptable, as that of a calibrated model does."""
    rng = Random(seed)
    scores = [rng.betavariate(3, 1) for _ in range(count)]
    return [(score, rng.random() < 1 - (1 - score) * 0.3) for score in scores]
