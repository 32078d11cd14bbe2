"""What people made of first drafts, by model version, and their reviews of replies that went out alone.

Counted are first drafts that could have gone out alone (`suggestions.alone`). What went stale was judged
by nobody and is left out; what a draft's outcome is worth says storage.records.ReviewedDraft. Knows no
threshold and no policy.
"""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import Select, and_, func, or_, select, text, update
from sqlalchemy.engine import RowMapping

from storage.errors import NotFound
from storage.records import AutomaticReview, Message, ReviewedDraft, Verdict
from storage.rows import build
from storage.schema import automatic_reviews as table
from storage.schema import candidates as drafts
from storage.schema import messages, suggestions
from storage.stamps import now
from storage.transaction import Transaction

_first = and_(drafts.c.suggestion_id == suggestions.c.id, drafts.c.position == 0)
_JUDGED = ("accepted", "edited", "rejected", "ignored")


async def reviewed_drafts(tx: Transaction, model_version: str, *, limit: int) -> list[ReviewedDraft]:
    """The newest first drafts of a version that a person has judged, newest first.

    An agent judges by what they do with it; one that went out alone is judged by its review only.
    """
    by_agent = and_(suggestions.c.decision == "suggest", drafts.c.outcome.in_(_JUDGED))
    rows = await tx.all(
        select(drafts, table.c.verdict)
        .join(suggestions, _first)
        .outerjoin(table, table.c.suggestion_id == suggestions.c.id)
        .where(suggestions.c.model_version == model_version, suggestions.c.alone.is_(True))
        .where(or_(by_agent, table.c.verdict.is_not(None)))
        .order_by(suggestions.c.created_at.desc(), suggestions.c.id.desc())
        .limit(limit)
    )
    return [build(ReviewedDraft, row, drafts, verdict=row[table.c.verdict]) for row in rows]


async def first_scores(tx: Transaction, model_version: str, *, limit: int) -> list[float | None]:
    """The first draft's score of each of the newest messages; None where it could not go out alone.

    Messages that the customer overtook before there was a draft are no part of it.
    """
    overtaken = and_(suggestions.c.decision == "silent", suggestions.c.state == "stale")
    rows = await tx.all(
        select(suggestions.c.alone, drafts.c.score)
        .outerjoin(drafts, _first)
        .where(suggestions.c.model_version == model_version, suggestions.c.alone.is_not(None), ~overtaken)
        .order_by(suggestions.c.created_at.desc(), suggestions.c.id.desc())
        .limit(limit)
    )
    return [row[drafts.c.score] if row[suggestions.c.alone] else None for row in rows]


async def ask(tx: Transaction, *, suggestion_id: UUID, message_id: UUID) -> None:
    """Put a reply that went out alone before a person; asking twice is asking once."""
    row = {"suggestion_id": suggestion_id, "message_id": message_id, "created_at": now()}
    await tx.insert_new(table, row)


async def judge(
    tx: Transaction, suggestion_id: UUID, verdict: Verdict | None, account_id: UUID
) -> AutomaticReview:
    """What a person says of such a reply; the latest word counts, and None takes it back.

    Raises NotFound for a reply that nobody was asked about.
    """
    given = verdict is not None
    values = {
        "verdict": verdict,
        "decided_by": account_id if given else None,
        "decided_at": now() if given else None,
    }
    changed = update(table).where(table.c.suggestion_id == suggestion_id).values(**values)
    if not await tx.changed(changed):
        raise NotFound("nobody was asked about this reply")
    row = await tx.one(_reviews().where(table.c.suggestion_id == suggestion_id))
    return _to_review(row)


async def waiting(tx: Transaction, model_version: str, *, limit: int) -> list[AutomaticReview]:
    """Replies of a version that are still to be judged, oldest first."""
    # written out as in its partial index: a planner can't match a parameter with that
    open_ones = _reviews().where(
        text("automatic_reviews.verdict IS NULL"), suggestions.c.model_version == model_version
    )
    rows = await tx.all(open_ones.order_by(table.c.created_at, table.c.suggestion_id).limit(limit))
    return [_to_review(row) for row in rows]


async def tally(tx: Transaction, model_version: str) -> dict[str, int]:
    """How many of a version's sampled replies were judged "right", "wrong", or are "waiting"."""
    verdict = func.coalesce(table.c.verdict, "waiting").label("verdict")
    rows = await tx.all(
        select(verdict, func.count().label("n"))
        .join(suggestions, suggestions.c.id == table.c.suggestion_id)
        .where(suggestions.c.model_version == model_version)
        .group_by(verdict)
    )
    return {"right": 0, "wrong": 0, "waiting": 0} | {str(row["verdict"]): int(row["n"]) for row in rows}


def _reviews() -> Select[tuple[object, ...]]:
    return (
        select(table, messages, suggestions.c.model_version, drafts.c.score)
        .join(suggestions, suggestions.c.id == table.c.suggestion_id)
        .join(drafts, _first)
        .join(messages, messages.c.id == table.c.message_id)
    )


def _to_review(row: RowMapping) -> AutomaticReview:
    return build(
        AutomaticReview,
        row,
        table,
        message=build(Message, row, messages),
        conversation_id=row[messages.c.conversation_id],
        model_version=row[suggestions.c.model_version],
        score=row[drafts.c.score],
    )
