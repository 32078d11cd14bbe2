"""Past conversations from elsewhere: stored once by external id, never sent and never answered."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select

from storage.columns import check_text
from storage.customers import create_customer
from storage.errors import Invalid
from storage.messages import blank_conversation
from storage.records import Imported
from storage.rows import to_conversation
from storage.schema import MESSAGE_LIMIT, conversations, messages
from storage.stamps import new_id, now
from storage.transaction import Transaction

ImportedTurn = tuple[str, str, datetime | None]
"""(role "customer", "agent" or, for what a machine sent, "bot"; text; time or None)."""
_ROLES: Final = ("customer", "agent", "bot")
NAMELESS: Final = "Imported customer"
"""Stands for a customer whose name the import did not bring; it is nobody's name."""
_MOST_TURNS: Final = 10_000
"""Turns of one conversation: all of it is stored in one transaction, and others wait meanwhile."""
_LIMITS: Final = {"customer_name": 200, "customer_email": 320, "locale": 35}


async def imported_ids(tx: Transaction, prefix: str) -> set[str]:
    """External ids that begin with `prefix`, of the conversations that were imported already."""
    column = conversations.c.external_id
    rows = await tx.all(select(column).where(column.startswith(prefix, autoescape=True)))
    return {row[column] for row in rows}


async def imported_among(tx: Transaction, external_ids: Collection[str]) -> set[str]:
    """Which of these external ids are there already."""
    column = conversations.c.external_id
    return {row[column] for row in await tx.all(select(column).where(column.in_(external_ids)))}


def check_import(external_id: str, turns: Sequence[ImportedTurn], meta: Mapping[str, Any]) -> None:
    """Raises Invalid, with what is wrong, for a conversation that `import_conversation` can't store."""
    check_text(external_id, 200)
    if len(turns) > _MOST_TURNS:
        raise Invalid(f"more than {_MOST_TURNS:,} turns in one conversation")
    for number, (role, text, _) in enumerate(turns, start=1):
        if role not in _ROLES:
            raise Invalid(f"turn {number}: its role is not customer or agent")
        try:
            check_text(text, MESSAGE_LIMIT)
        except Invalid as error:
            raise Invalid(f"turn {number}: {error}") from None
    for key, limit in _LIMITS.items():
        if (value := meta.get(key)) is None:
            continue
        if not isinstance(value, str):
            raise Invalid(f'"{key}" in "meta" must be a string')
        try:
            check_text(value, limit)
        except Invalid as error:
            raise Invalid(f'"{key}" in "meta": {error}') from None
    if not isinstance(meta.get("consent", True), bool):
        raise Invalid('"consent" in "meta" must be true or false')
    tags = meta.get("tags") or []
    if not isinstance(tags, list):
        raise Invalid('"tags" in "meta" must be a list')
    for tag in tags:
        check_text(str(tag))


async def import_conversation(
    tx: Transaction,
    *,
    external_id: str,
    turns: Sequence[ImportedTurn],
    meta: Mapping[str, Any] | None = None,
) -> Imported:
    """Store a resolved conversation with a customer of its own; one that is there already stays as it is.

    `meta` may hold customer_name, customer_email, locale, tags and consent (False: models may not learn
    from it); other keys are not kept. Turns without a time follow each other by a second. Raises Invalid
    for an unknown role or no turns.
    """
    known = await tx.first(select(conversations).where(conversations.c.external_id == external_id))
    if known is not None:
        return Imported(to_conversation(known), created=False)
    if not turns or any(role not in _ROLES for role, _, _ in turns):
        raise Invalid("an imported conversation needs turns of customers and agents")
    meta = meta or {}
    customer = await create_customer(
        tx,
        display_name=str(meta.get("customer_name") or NAMELESS),
        email=meta.get("customer_email"),
        locale=meta.get("locale"),
        token_hash=None,
        channel="import",
        external_id=external_id,
        learn_from=meta.get("consent") is not False,
    )
    times = _times([at for _, _, at in turns])
    row = blank_conversation(times[0]) | _as_it_ended(turns, times[-1])
    row |= {"customer_id": customer.id, "channel": "import", "thread": "", "external_id": external_id}
    row["tags"] = [str(tag) for tag in meta.get("tags") or []]
    await tx.insert(conversations, [row])
    stored = zip(turns, times, strict=True)
    await tx.insert(
        messages,
        [_message(row["id"], seq, turn, time) for seq, (turn, time) in enumerate(stored, start=1)],
    )
    found = await tx.one(select(conversations).where(conversations.c.id == row["id"]))
    return Imported(to_conversation(found), created=True)


def _as_it_ended(turns: Sequence[ImportedTurn], ended_at: datetime) -> dict[str, Any]:
    customer_turns = [seq for seq, turn in enumerate(turns, start=1) if turn[0] == "customer"]
    return {
        "status": "resolved",
        "owner": "person",
        "last_seq": len(turns),
        "last_customer_seq": max(customer_turns, default=0),
        "last_shown_seq": len(turns),
        "updated_at": ended_at,
    }


def _times(given: Sequence[datetime | None]) -> list[datetime]:
    """A time for every turn: its own, or a second after the one before."""
    before = next((time for time in given if time is not None), now() - timedelta(seconds=len(given)))
    times: list[datetime] = []
    for time in given:
        before = time or before + timedelta(seconds=1)
        times.append(before)
    return times


def _message(conversation_id: UUID, seq: int, turn: ImportedTurn, at: datetime) -> dict[str, Any]:
    role, text, _ = turn
    return {
        "id": new_id(),
        "conversation_id": conversation_id,
        # imported messages carry no client_msg_id, so they need no customer to be unique within
        "customer_id": None,
        "seq": seq,
        "kind": role,
        "text": text,
        "client_msg_id": None,
        "channel_msg_id": None,
        "author_id": None,
        "author_name": None,
        "delivery": "none" if role == "customer" else "delivered",
        "automatic": role == "bot",
        "at": at,
    }
