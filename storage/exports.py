"""Conversations as they are given out: all that was said, and what is known of each. Knows no file."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar
from uuid import UUID

from sqlalchemy import select

from storage.database import Database
from storage.learnable import Learnable, SaidTurn, turns_of
from storage.schema import conversations, customers
from storage.transaction import Transaction
from storage.transcripts.transcript import Said, Transcript

_PAGE: Final = 100
"""Conversations read in one transaction."""


@dataclass(frozen=True, slots=True)
class Exported:
    """A conversation with its turns, oldest first; notes and activity are left out."""

    id: UUID
    external_id: str | None
    turns: tuple[SaidTurn, ...]
    meta: Mapping[str, Any]


T = TypeVar("T", Exported, Learnable)


async def every(
    db: Database, read: Callable[[Transaction, UUID | None, int], Awaitable[list[T]]]
) -> AsyncIterator[T]:
    """All that `exported` or `learnable` find, a page in a transaction of its own."""
    after = None
    while True:
        async with db.read() as tx:
            page = await read(tx, after, _PAGE)
        for one in page:
            yield one
        if not page:
            return
        after = page[-1].id


def transcript_of(one: Exported | Learnable) -> Transcript:
    """A conversation as the uniform format has it."""
    turns = tuple(
        Said(turn.role, turn.text, turn.at, turn.origin, turn.author, turn.drafts) for turn in one.turns
    )
    meta = one.meta if isinstance(one, Exported) else {"customer": str(one.customer_id)}
    return Transcript(str(one.id), turns, meta)


async def exported(tx: Transaction, after: UUID | None, limit: int) -> list[Exported]:
    """The next conversations after `after` (None: from the first), in the order of their ids."""
    joined = select(conversations, customers).join(customers, customers.c.id == conversations.c.customer_id)
    page = joined if after is None else joined.where(conversations.c.id > after)
    rows = await tx.all(page.order_by(conversations.c.id).limit(limit))
    said = await turns_of(tx, [row[conversations.c.id] for row in rows])
    return [_exported(row, said[row[conversations.c.id]]) for row in rows]


def _exported(row: Mapping[Any, Any], turns: tuple[SaidTurn, ...]) -> Exported:
    here, who = conversations.c, customers.c
    meta = {
        "customer": str(row[who.id]),
        "customer_name": row[who.display_name],
        "customer_email": row[who.email],
        "locale": row[who.locale],
        "consent": row[who.learn_from],
        "tags": list(row[here.tags]),
        "channel": row[here.channel],
        "status": row[here.status],
        "priority": row[here.priority],
        "external_id": row[here.external_id],
    }
    known = {key: value for key, value in meta.items() if value not in (None, [])}
    return Exported(row[here.id], row[here.external_id], turns, known)
