"""Moments of the log to compare versions at: a customer's message that a person answered, and the answer.

One a conversation, newest conversations first, so that ten of them are ten customers. Conversations that a
version has read in its training come last: it may know the answer by heart. Only customers who allow learning
count, and only replies that a person wrote or changed: what a version drafted and an agent sent unchanged
would judge it by itself. Knows storage and nlp's nouns; knows no model.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from bot.casefile import TURNS
from bot.policy import unsigned
from nlp.types import Turn
from storage.database import Database
from storage.imports import NAMELESS
from storage.learnable import Learnable, newest_learnable

Digest = Callable[[Sequence[Turn]], str]
LOOKED_AT = 2_000
"""The newest conversations among which moments are looked for."""
_PAGE = 100


@dataclass(frozen=True, slots=True)
class Moment:
    """A customer's message with what came before it, and what an agent answered."""

    conversation_id: UUID
    at: datetime
    turns: tuple[Turn, ...]
    reply: str
    customer_name: str
    read_by: tuple[str, ...]
    """Versions that have read the conversation in their training."""


async def moments(
    db: Database,
    read: Mapping[str, Collection[str]],
    digest: Digest,
    *,
    skip: int,
    count: int,
) -> tuple[list[Moment], bool]:
    """The next moments after so many, and whether there are more.

    `read` has names of conversations by version: ids, or what `digest` makes of their turns.
    """
    fresh: list[Moment] = []
    known: list[Moment] = []
    before, looked_at = None, 0
    while looked_at < LOOKED_AT and len(fresh) <= skip + count:
        async with db.read() as tx:
            page = await newest_learnable(tx, before, _PAGE)
        if not page:
            break
        before, looked_at = page[-1].id, looked_at + len(page)
        for one in page:
            if (moment := _moment(one, read, digest)) is not None:
                (known if moment.read_by else fresh).append(moment)
    found = [*fresh, *known][skip : skip + count + 1]
    return found[:count], len(found) > count


def _moment(one: Learnable, read: Mapping[str, Collection[str]], digest: Digest) -> Moment | None:
    """One of the conversation's moments, drawn by its id, so that openings and later turns both come."""
    answered = [
        at
        for at, turn in enumerate(one.turns)
        if at
        and turn.origin in ("person", "edited")
        and one.turns[at - 1].role == "customer"
        and turn.text.strip()
    ]
    if not answered:
        return None
    at = answered[one.id.int % len(answered)]
    names = {str(one.id), digest([Turn(turn.role, turn.text) for turn in one.turns])}
    return Moment(
        conversation_id=one.id,
        at=one.turns[at].at,
        turns=tuple(
            Turn(turn.role, turn.text if turn.role == "customer" else unsigned(turn.text))
            for turn in one.turns[max(0, at - TURNS) : at]
        ),
        reply=one.turns[at].text,
        customer_name="" if one.customer_name == NAMELESS else one.customer_name,
        read_by=tuple(version for version, known in read.items() if not names.isdisjoint(known)),
    )
