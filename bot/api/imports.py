"""Data for admins: what the log holds, and files of transcripts on their way into it.

A file comes as the body itself and is written to disk as it comes; its survey and its import run in the
background (bot.intake). Every step is written to the audit log in the transaction that makes it. Knows no
format of a file.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Annotated, Any, Literal

from aiohttp import web
from pydantic import Field

from bot.api import errors, shapes_imports
from bot.api.callers import ADMINS
from bot.api.routing import Body, Call, NoBody, NoQuery, Query, Routes, SafeStr, answer
from bot.api.services import services
from bot.api.signin import note
from bot.incoming import NoRoom, TooLarge, incoming, plain_name
from bot.intake import KEPT_DAYS, Intake
from storage import learnable, uploads
from storage.database import Transaction
from storage.errors import Conflict
from storage.records import Upload
from storage.stamps import new_id
from storage.transcripts.table import COLUMNS, ROLES, columns_of
from storage.transcripts.transcript import Speaker

routes = Routes()

IDLE_SECONDS = 30
"""An upload from which nothing comes for so long is given up."""
_ZIP = b"PK\x03\x04"
_FILE = "application/octet-stream"

Format = Literal["uniform", "table", "zendesk", "intercom", "chatwoot"]
Column = Literal["conversation", "role", "text", "time", "customer", "email"]
Source = Annotated[SafeStr, Field(max_length=60)]
Words = Annotated[SafeStr, Field(min_length=1, max_length=200)]


class NewUpload(Query):
    """How the file is called, and how to read it where it does not tell that itself."""

    name: Annotated[SafeStr, Field(min_length=1, max_length=500)]
    format: Format | None = None
    source: Source = ""
    mapping: Annotated[SafeStr, Field(max_length=6_000)] = ""
    """A JSON object: {"text": "Body", "Rep": "agent"}, as the command line's --map."""


class Reading(Body):
    """How to read a file: its format (null: as it tells itself), and for a table what its columns hold."""

    format: Format | None = None
    source: Source = ""
    columns: Annotated[dict[Column, Words], Field(default_factory=dict, max_length=20)]
    roles: Annotated[dict[Words, Speaker], Field(default_factory=dict, max_length=100)]


class Start(Body):
    """Whether broken rows are left out; otherwise the first one ends the import."""

    skip_broken: bool = False


@routes.route(
    "GET",
    "/api/admin/data",
    access=ADMINS,
    summary="What the log holds, and what models may learn from",
    responses={200: shapes_imports.Log},
)
async def read_data(call: Call[NoBody, NoQuery]) -> web.StreamResponse:
    """Conversations, counted; a round of training leaves out more, such as copies."""
    async with services(call.request).db.read() as tx:
        found = await learnable.shares(tx)
    return answer(
        {
            "conversations": found.conversations,
            "imported": found.imported,
            "eligible": found.eligible,
            "not_eligible": dict(found.not_eligible),
        }
    )


@routes.route(
    "GET",
    "/api/admin/imports",
    access=ADMINS,
    summary="Uploads of transcripts",
    responses={200: shapes_imports.Uploads},
)
async def list_imports(call: Call[NoBody, NoQuery]) -> web.StreamResponse:
    """The newest fifty, with their surveys and how far they are."""
    desk = services(call.request)
    async with desk.db.read() as tx:
        found = await uploads.list_uploads(tx)
    return answer({"items": [upload_view(one.upload, one.by) for one in found], "most": desk.intake.most})


@routes.route(
    "POST",
    "/api/admin/imports",
    access=ADMINS,
    summary="Upload a file of transcripts",
    query=NewUpload,
    responses={201: shapes_imports.Uploaded},
    problems=(507,),
    raw=True,
)
async def upload_file(call: Call[NoBody, NewUpload]) -> web.StreamResponse:
    """The body is the file, plain or gzip. Answered when it is on the disk; its survey follows by itself."""
    request, intake = call.request, services(call.request).intake
    if request.content_type != _FILE or request.headers.get("Content-Encoding", "identity") != "identity":
        raise errors.NotJson(f"Send the file itself, as an uncompressed body of the type {_FILE}.")
    options = {"format": call.query.format, "source": call.query.source, "mapping": _mapping(call.query)}
    if (request.content_length or 0) > intake.most:
        raise _too_large(intake)
    upload_id, name = new_id(), plain_name(call.query.name)
    try:
        async with incoming(intake.folder, upload_id, intake.most) as file:
            async for chunk in _chunks(request):
                if not file.size and chunk.startswith(_ZIP):
                    raise errors.Invalid(
                        "This is a ZIP archive or an Excel workbook. Unpack it, or save the table as CSV."
                    )
                await file.take(chunk)
            if not file.size:
                raise errors.Invalid("The file is empty. Export it again.")
            await file.keep()
    except TooLarge:
        raise _too_large(intake) from None
    except NoRoom:
        raise errors.NoRoom(
            "There is no room on the server's disk. Make some, and upload it again."
        ) from None

    async def work(tx: Transaction) -> Upload:
        made = await uploads.add(
            tx,
            upload_id=upload_id,
            name=name,
            options=options,
            size=file.size,
            sha256=file.sha256,
            requested_by=call.account.id,
        )
        await note(tx, call.account, "import_uploaded", f"import:{upload_id}", file=name)
        return made

    try:
        made = await services(request).db.write(work)
    except BaseException:
        await intake.remove(upload_id)
        raise
    intake.look_soon()
    return answer({"upload": upload_view(made, call.account.name)}, status=201)


@routes.route(
    "GET",
    "/api/admin/imports/{id}",
    access=ADMINS,
    summary="An upload with the first rows of its table",
    responses={200: shapes_imports.Head},
)
async def read_import(call: Call[NoBody, NoQuery]) -> web.StreamResponse:
    """For whoever says which column holds what; the rows go with the file."""
    upload_id = call.id()
    async with services(call.request).db.read() as tx:
        found = await uploads.upload(tx, upload_id)
    head = [list(row) for row in found.head or []]
    names = head[0] if head else []
    return answer(
        {
            "upload": upload_view(found, None),
            "head": head or None,
            "fields": list(COLUMNS),
            "columns": columns_of(names, found.options.get("mapping") or {}),
            "roles": dict(ROLES),
        }
    )


@routes.route(
    "PUT",
    "/api/admin/imports/{id}/reading",
    access=ADMINS,
    summary="Survey an upload again, read in another way",
    body=Reading,
    responses={200: shapes_imports.Uploaded},
    problems=(409,),
)
async def read_again(call: Call[Reading, NoQuery]) -> web.StreamResponse:
    """409 while it is being read, and where its file is gone."""
    given = call.body
    mapping = dict([*given.columns.items(), *given.roles.items()])
    options = {"format": given.format, "source": given.source, "mapping": mapping}
    return await _step(call, "import_read_again", lambda tx, one: uploads.survey_again(tx, one, options))


@routes.route(
    "POST",
    "/api/admin/imports/{id}/start",
    access=ADMINS,
    summary="Import an upload",
    body=Start,
    responses={200: shapes_imports.Uploaded},
    problems=(409,),
)
async def start_import(call: Call[Start, NoQuery]) -> web.StreamResponse:
    """In the background, passing over what is stored: a cancelled one goes on. 409 unless it was surveyed."""
    options = {"skip_broken": call.body.skip_broken}
    return await _step(call, "import_started", lambda tx, one: uploads.start(tx, one, options))


@routes.route(
    "POST",
    "/api/admin/imports/{id}/cancel",
    access=ADMINS,
    summary="Cancel the survey or the import of an upload",
    responses={200: shapes_imports.Uploaded},
    problems=(409,),
)
async def cancel_import(call: Call[NoBody, NoQuery]) -> web.StreamResponse:
    """It ends within seconds; what is stored stays, and so does the file. 409 for one that is not read."""
    return await _step(call, "import_cancel_asked", uploads.cancel)


@routes.route(
    "DELETE",
    "/api/admin/imports/{id}",
    access=ADMINS,
    summary="Discard an uploaded file",
    responses={200: shapes_imports.Uploaded},
    problems=(409,),
)
async def discard_import(call: Call[NoBody, NoQuery]) -> web.StreamResponse:
    """The file is removed, what was imported of it stays; 409 while it is read, and where it is gone."""
    response = await _step(call, "import_discarded", uploads.discard)
    await services(call.request).intake.remove(call.id())
    return response


async def _step(
    call: Call[Any, Any], action: str, change: Callable[[Transaction, Any], Awaitable[Upload]]
) -> web.StreamResponse:
    """Change one upload, and write down who did."""
    upload_id, desk = call.id(), services(call.request)

    async def work(tx: Transaction) -> Upload:
        changed = await change(tx, upload_id)
        await note(tx, call.account, action, f"import:{upload_id}", file=changed.name)
        return changed

    try:
        changed = await desk.db.write(work)
    except Conflict as error:
        said = str(error)
        raise errors.Conflict(f"{said[:1].upper()}{said[1:]}.") from None
    desk.intake.look_soon()
    return answer({"upload": upload_view(changed, None)})


async def _chunks(request: web.Request) -> AsyncIterator[bytes]:
    """The body as it comes; raises Problem where it stops coming."""
    while True:
        try:
            async with asyncio.timeout(IDLE_SECONDS):
                chunk = await request.content.readany()
        except TimeoutError:
            raise errors.BodyTooSlow("The upload came to a halt. Please try again.") from None
        except (ConnectionError, web.RequestPayloadError):
            raise errors.BadRequest("The upload broke off.") from None
        if not chunk:
            return
        yield chunk


def _mapping(given: NewUpload) -> dict[str, str]:
    try:
        mapping = json.loads(given.mapping or "{}")
    except (ValueError, RecursionError):
        mapping = None
    if not isinstance(mapping, dict) or not all(_maps(*pair) for pair in mapping.items()):
        raise errors.Invalid(
            'The mapping must be a JSON object such as {"text": "Body", "Rep": "agent"}: a field and its '
            f"column, or a value of the role column and who it is. Fields are {', '.join(COLUMNS)}."
        )
    return mapping


def _maps(left: str, right: Any) -> bool:
    return isinstance(right, str) and (left in COLUMNS or right in ("customer", "agent"))


def _too_large(intake: Intake) -> errors.BodyTooLarge:
    return errors.BodyTooLarge(
        f"The file is larger than {intake.most >> 20:,} MiB. Pack it with gzip, split it, or raise the "
        "setting import_megabytes."
    )


def upload_view(upload: Upload, by: str | None) -> dict[str, Any]:
    """An upload for the page of data."""
    told: Mapping[str, Any] = upload.options
    expires = upload.created_at + timedelta(days=KEPT_DAYS)
    return {
        "id": str(upload.id),
        "name": upload.name,
        "format": upload.format,
        "options": dict(told),
        "size": upload.size,
        "sha256": upload.sha256,
        "state": upload.state,
        "working": upload.working,
        "cancelled": upload.cancelled,
        "kept": upload.kept,
        "progress": None if upload.progress is None else dict(upload.progress),
        "report": None if upload.report is None else dict(upload.report),
        "imported": upload.imported,
        "error": upload.error,
        "by": by,
        "created_at": upload.created_at.isoformat(),
        "finished_at": None if upload.finished_at is None else upload.finished_at.isoformat(),
        "expires_at": expires.isoformat() if upload.kept else None,
    }
