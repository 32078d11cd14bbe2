"""The audit log for admins: a page of it, its filters, and all of it as a file. Changes nothing."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

from aiohttp import web
from pydantic import BeforeValidator, Field

from bot import audit_words
from bot.api import errors, shapes_house
from bot.api.callers import ADMINS
from bot.api.routing import Call, NoBody, NoQuery, Query, Routes, SafeStr, answer
from bot.api.services import Services, services
from storage import accounts, audit
from storage.database import Transaction
from storage.errors import InvalidCursor
from storage.records import AuditEntry

routes = Routes()

EXPORTED_AT_ONCE = 500
"""Entries of one read; between two of them others may use the database."""
_COLUMNS = ("number", "at", "actor", "action", "subject", "said", "details")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What spreadsheets take for a formula at the beginning of a cell."""


def _moment(text: Any) -> datetime:
    """A time of a sane year with its zone; numbers, which pydantic would take, are none."""
    moment = datetime.fromisoformat(str(text))
    if moment.tzinfo is None or not 1970 <= moment.year <= 9000:
        raise ValueError("not a time with a zone")
    return moment


Moment = Annotated[datetime, BeforeValidator(_moment)]


class Which(Query):
    """Which entries: by actor, by action, from a moment on and before a moment, both with their zone."""

    actor: Annotated[SafeStr, Field(min_length=1, max_length=200)] | None = None
    action: Annotated[str, Field(max_length=64, pattern=r"^[a-z_]+$")] | None = None
    since: Moment | None = None
    until: Moment | None = None

    @property
    def filter(self) -> audit.Filter:
        """The same for storage."""
        return audit.Filter(self.actor, self.action, self.since, self.until)


class AuditQuery(Which):
    """One page of them: the newest before a number."""

    before: Annotated[int, Field(ge=1, le=2**53)] | None = None
    limit: Annotated[int, Field(ge=1, le=200)] = 50


class ExportQuery(Which):
    """All of them, in a format."""

    format: Literal["jsonl", "csv"] = "jsonl"


@routes.route(
    "GET",
    "/api/admin/audit",
    access=ADMINS,
    summary="The audit log",
    query=AuditQuery,
    responses={200: shapes_house.AuditPage},
)
async def read_audit(call: Call[NoBody, AuditQuery]) -> web.StreamResponse:
    """Who did what, newest first; it can't be changed. 422 where `before` is no entry's number."""
    asked = call.query
    async with services(call.request).db.read() as tx:
        await _check(tx, asked)
        try:
            found = await audit.entries(tx, before=asked.before, limit=asked.limit + 1, only=asked.filter)
        except InvalidCursor:
            raise errors.Invalid("There is no entry of this number to go on from.") from None
        people = await _people(tx)
    shown = found[: asked.limit]
    following = shown[-1].number if len(found) > asked.limit else None
    return answer({"items": [_view(entry, people) for entry in shown], "next": following})


@routes.route(
    "GET",
    "/api/admin/audit/names",
    access=ADMINS,
    summary="Actors and actions in the audit log",
    responses={200: shapes_house.AuditNames},
)
async def read_audit_names(call: Call[NoBody, NoQuery]) -> web.StreamResponse:
    """What it can be filtered by."""
    async with services(call.request).db.read() as tx:
        return answer({"actors": await audit.actors(tx), "actions": await audit.actions(tx)})


@routes.route(
    "GET",
    "/api/admin/audit/export",
    access=ADMINS,
    summary="The audit log as a file",
    query=ExportQuery,
    responses={200: None},
)
async def export_audit(call: Call[NoBody, ExportQuery]) -> web.StreamResponse:
    """JSON lines or CSV, newest first, sent while it is read; entries that come meanwhile are not in it."""
    asked, desk = call.query, services(call.request)
    async with desk.db.read() as tx:
        await _check(tx, asked)
    lines = (_csv if asked.format == "csv" else _jsonl)(_all(desk, asked.filter))
    kind = "text/csv" if asked.format == "csv" else "application/jsonl"
    response = web.StreamResponse(
        headers={
            "Content-Type": f"{kind}; charset=utf-8",
            "Content-Disposition": f'attachment; filename="audit.{asked.format}"',
            "Cache-Control": "no-store",
        }
    )
    await response.prepare(call.request)
    async for part in lines:
        await response.write(part.encode())
    await response.write_eof()
    return response


async def _check(tx: Transaction, asked: Which) -> None:
    """Raises Invalid for an actor of whom there is no entry: most likely a typing error."""
    if asked.actor is not None and not await audit.entries(tx, limit=1, only=audit.Filter(asked.actor)):
        raise errors.Invalid("Nobody of this name is in the audit log. Choose one from the list.")


async def _all(desk: Services, only: audit.Filter) -> AsyncIterator[list[dict[str, Any]]]:
    """Every entry of a filter, so many at a time."""
    before: int | None = None
    while True:
        async with desk.db.read() as tx:
            found = await audit.entries(tx, before=before, limit=EXPORTED_AT_ONCE, only=only)
            people = await _people(tx)
        yield [_view(entry, people) | {"details": dict(entry.details)} for entry in found]
        if len(found) < EXPORTED_AT_ONCE:
            return
        before = found[-1].number


async def _jsonl(pages: AsyncIterator[list[dict[str, Any]]]) -> AsyncIterator[str]:
    async for rows in pages:
        yield "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


async def _csv(pages: AsyncIterator[list[dict[str, Any]]]) -> AsyncIterator[str]:
    yield ",".join(_COLUMNS) + "\r\n"
    async for rows in pages:
        text = io.StringIO()
        writer = csv.writer(text)
        for row in rows:
            cells = {**row, "details": json.dumps(row["details"], ensure_ascii=False)}
            writer.writerow([_cell(cells[name]) for name in _COLUMNS])
        yield text.getvalue()


def _cell(value: Any) -> str:
    """A text that no spreadsheet runs."""
    text = str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


async def _people(tx: Transaction) -> dict[str, str]:
    return {str(one.id): one.email for one in await accounts.list_accounts(tx)}


def _view(entry: AuditEntry, people: Mapping[str, str]) -> dict[str, Any]:
    return {
        "number": entry.number,
        "at": entry.at.isoformat(),
        "actor_id": None if entry.actor_id is None else str(entry.actor_id),
        "actor": entry.actor,
        "action": entry.action,
        "subject": entry.subject,
        "said": audit_words.sentence(entry, people),
        "details": audit_words.details(entry),
    }
