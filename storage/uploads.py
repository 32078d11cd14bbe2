"""Files of transcripts that admins upload: surveyed, then imported, one at a time in the whole house.

Knows no file. surveying -> surveyed -> running -> done, failed or cancelled; from the last two it can be
surveyed or run again while the file is kept. A row whose node was lost is taken up by whoever has its file.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal
from uuid import UUID

from sqlalchemy import or_, select, text, update

from storage.errors import Conflict, NotFound
from storage.records import Upload
from storage.rows import build
from storage.schema import accounts
from storage.schema_admin import imports as table
from storage.stamps import now
from storage.transaction import Transaction

_OWED: Final = ("surveying", "running")
"""States in which a node is to read the file."""


@dataclass(frozen=True, slots=True)
class Listed:
    """An upload, and the name of who asked for it, where the account is still there."""

    upload: Upload
    by: str | None


async def add(
    tx: Transaction,
    *,
    upload_id: UUID,
    name: str,
    options: Mapping[str, Any],
    size: int,
    sha256: str,
    requested_by: UUID,
) -> Upload:
    """A file that has arrived; its survey is owed from now on."""
    row: dict[str, Any] = {
        "id": upload_id,
        "name": name,
        "format": None,
        "options": dict(options),
        "size": size,
        "sha256": sha256,
        "state": "surveying",
        "working": False,
        "cancelled": False,
        "kept": True,
        "progress": None,
        "report": None,
        "head": None,
        "imported": 0,
        "error": None,
        "requested_by": requested_by,
        "node": None,
        "alive_at": None,
        "created_at": now(),
        "finished_at": None,
    }
    await tx.insert(table, [row])
    return Upload(**row)


async def upload(tx: Transaction, upload_id: UUID) -> Upload:
    """The upload; raises NotFound."""
    row = await tx.first(select(table).where(table.c.id == upload_id))
    if row is None:
        raise NotFound("no such upload")
    return build(Upload, row, table)


async def list_uploads(tx: Transaction, *, limit: int = 50) -> list[Listed]:
    """The uploads, newest first."""
    joined = select(table, accounts.c.name.label("by")).outerjoin(
        accounts, accounts.c.id == table.c.requested_by
    )
    rows = await tx.all(joined.order_by(table.c.created_at.desc()).limit(limit))
    return [Listed(build(Upload, row, table), row["by"]) for row in rows]


async def kept_among(tx: Transaction, ids: Collection[UUID]) -> set[UUID]:
    """Which of these uploads have a file that is still wanted."""
    found = select(table.c.id).where(table.c.id.in_(ids), table.c.kept)
    return {row["id"] for row in await tx.all(found)}


# What a node does.


async def claim_next(
    tx: Transaction, *, node: str, here: Collection[UUID], lost_seconds: float
) -> Upload | None:
    """Take the oldest that is owed and whose file is `here`; None while another is read, or without any.

    One that this node itself was reading, or whose node was not heard of for `lost_seconds`, is taken first.
    Where its file lies elsewhere it goes back to those that wait.
    """
    time = now()
    gone = or_(
        table.c.node == node,
        table.c.alive_at.is_(None),
        table.c.alive_at < time - timedelta(seconds=lost_seconds),
    )
    at_work = await tx.first(select(table.c.id, gone.label("gone")).where(text("imports.working")))
    if at_work is not None:
        if not at_work["gone"]:
            return None
        lost = update(table).where(table.c.id == at_work["id"], table.c.working, gone)
        if at_work["id"] in here:
            if not await tx.changed(lost.values(node=node, alive_at=time)):
                return None
            return await upload(tx, at_work["id"])
        await tx.execute(lost.values(working=False))
    waiting = (
        select(table.c.id)
        .where(table.c.state.in_(_OWED), ~table.c.working, table.c.kept, table.c.id.in_(here))
        .order_by(table.c.created_at)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    found = await tx.scalar(waiting)
    if found is None:
        return None
    taken = update(table).where(table.c.id == found)
    await tx.execute(taken.values(working=True, cancelled=False, node=node, alive_at=time, progress=None))
    return await upload(tx, found)


async def report_progress(tx: Transaction, upload_id: UUID, node: str, progress: Mapping[str, Any]) -> bool:
    """Its node is alive, and how far the reading is; whether to go on: not after a cancel or a loss."""
    values = {"alive_at": now(), "progress": dict(progress)}
    if not await tx.changed(_mine(upload_id, node).values(values)):
        return False
    return not (await upload(tx, upload_id)).cancelled


async def describe(
    tx: Transaction, upload_id: UUID, node: str, *, format: str, head: Sequence[Sequence[str]] | None
) -> None:
    """What the file turned out to be, known before its survey ends; raises Conflict where it was lost."""
    values = {"format": format, "head": None if head is None else [list(row) for row in head]}
    await _changed(tx, _mine(upload_id, node).values(values))


async def count_imported(tx: Transaction, upload_id: UUID, node: str, number: int) -> None:
    """So many more were stored, in the transaction that stores them.

    Raises Conflict, which undoes it, where another node has taken over.
    """
    await _changed(tx, _mine(upload_id, node).values(imported=table.c.imported + number))


async def finish(
    tx: Transaction,
    upload_id: UUID,
    node: str,
    state: Literal["surveyed", "done", "failed", "cancelled"],
    *,
    report: Mapping[str, Any] | None = None,
    error: str | None = None,
) -> Upload:
    """End the reading; of one that is done the file is not wanted. Raises Conflict where it was lost."""
    values: dict[str, Any] = {
        "state": state,
        "working": False,
        "cancelled": False,
        "error": None if error is None else error[:2_000],
        "finished_at": now(),
    }
    if report is not None:
        values["report"] = dict(report)
    if state == "done":
        values |= {"kept": False, "head": None}
    await _changed(tx, _mine(upload_id, node).values(values))
    return await upload(tx, upload_id)


def _mine(upload_id: UUID, node: str) -> Any:
    return update(table).where(table.c.id == upload_id, table.c.node == node, table.c.working)


async def _changed(tx: Transaction, statement: Any) -> None:
    if not await tx.changed(statement):
        raise Conflict("another node has taken this upload over")


# What admins do.


async def survey_again(tx: Transaction, upload_id: UUID, options: Mapping[str, Any]) -> Upload:
    """Have it read in another way; raises NotFound, Conflict while it is read and after its file has gone."""
    await _at_rest(tx, upload_id)
    again = update(table).where(table.c.id == upload_id)
    values = {"options": dict(options), "format": None, "report": None, "head": None, "progress": None}
    await tx.execute(again.values(state="surveying", error=None, finished_at=None, **values))
    return await upload(tx, upload_id)


async def start(tx: Transaction, upload_id: UUID, options: Mapping[str, Any]) -> Upload:
    """Have it imported; `options` are added. Raises NotFound, Conflict unless it was surveyed."""
    stored = await _at_rest(tx, upload_id)
    if stored.report is None:
        raise Conflict("this file has not been surveyed to its end; have it read again first")
    begun = update(table).where(table.c.id == upload_id)
    values = {"options": {**stored.options, **options}, "progress": None, "finished_at": None, "error": None}
    await tx.execute(begun.values(state="running", **values))
    return await upload(tx, upload_id)


async def cancel(tx: Transaction, upload_id: UUID) -> Upload:
    """End a waiting one at once, ask one that is read to end; raises NotFound, Conflict for one at rest."""
    stored = await upload(tx, upload_id)
    if stored.state not in _OWED:
        raise Conflict("this upload is not being read")
    this = update(table).where(table.c.id == upload_id)
    waits = this.where(~table.c.working).values(state="cancelled", finished_at=now())
    if not await tx.changed(waits):
        await tx.execute(this.where(table.c.working).values(cancelled=True))
    return await upload(tx, upload_id)


async def discard(tx: Transaction, upload_id: UUID, *, why: str | None = None) -> Upload:
    """Its file is no longer wanted; raises NotFound, Conflict while it is read or where it is gone."""
    stored = await upload(tx, upload_id)
    if stored.working:
        raise Conflict("this file is being read; cancel that first")
    if not stored.kept:
        raise Conflict("this file is gone already")
    state = "cancelled" if stored.state in (*_OWED, "surveyed") else stored.state
    values = {"kept": False, "head": None, "state": state, "finished_at": now()}
    gone = update(table).where(table.c.id == upload_id, ~table.c.working)
    await _changed(tx, gone.values(values | ({"error": why} if why else {})))
    return await upload(tx, upload_id)


async def older_than(tx: Transaction, before: datetime) -> list[UUID]:
    """Uploads whose file was kept since before then, and that nobody reads."""
    old = select(table.c.id).where(text("imports.kept"), table.c.created_at < before, ~table.c.working)
    return [row["id"] for row in await tx.all(old)]


async def _at_rest(tx: Transaction, upload_id: UUID) -> Upload:
    stored = await upload(tx, upload_id)
    if stored.state in _OWED:
        raise Conflict("this file is being read; wait for it, or cancel that")
    if not stored.kept:
        raise Conflict("the file is gone; upload it again")
    return stored
