"""Uploads on their way into the log: surveyed, then imported where an admin says so, beside everything else.

An upload is a row; the file lies on one node's disk, so only that node reads it, one at a time in the whole
house. A reading whose process was killed goes on where it stood: what is stored is passed over
(bot.imports). Files go when they are imported, discarded, or a week old. Knows no route and no page.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from bot import imports
from bot.failure import Failure
from bot.incoming import FOLDER, lying, sweep
from storage import audit, uploads
from storage.database import Database, Transaction
from storage.errors import Conflict, Unavailable
from storage.records import Upload
from storage.transcripts import formats, table
from storage.transcripts.lines import BadFile
from storage.transcripts.watched import Watched

log = logging.getLogger(__name__)

TICK, LOOK = 5.0, 1.0
"""Seconds between two looks for an upload, and at the one that is read."""
LOST_SECONDS = 60.0
"""An upload whose node was not heard of for so long is taken up by whoever has its file."""
KEPT_DAYS = 7
"""Days after which an upload that was not imported is discarded."""
SWEEP_SECONDS, ORPHAN_SECONDS = 600.0, 3600.0
"""Between two sweeps of the folder, and how long a file that nobody wants is left alone."""
UNPACKED = 10
"""A packed file may unpack to so many times what may be uploaded."""
MOST_CONVERSATIONS = 2_000_000
"""In one file: the survey keeps some bytes of each in memory."""
HEAD_ROWS, HEAD_CELLS, HEAD_SIGNS = 20, 40, 120
"""How much of a table is shown to whoever says which column holds what."""
ACTOR: Final = "imports"


@dataclass(slots=True)
class _Reading:
    """How far the reading at hand is."""

    file: Watched
    size: int
    conversations: int = 0

    def reached(self, conversations: int) -> None:
        self.conversations = conversations
        if conversations > MOST_CONVERSATIONS:
            raise Failure(f"more than {MOST_CONVERSATIONS:,} conversations in one file; split it")

    def told(self) -> dict[str, int]:
        return {"conversations": self.conversations, "read": self.file.read, "size": self.size}


class Intake:
    """Reads uploads until it is stopped; one for each node."""

    def __init__(self, db: Database, data_dir: Path, *, node: str, megabytes: int) -> None:
        self._db, self._node = db, node
        self.folder = data_dir / FOLDER
        self.most = megabytes << 20
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._swept = float("-inf")

    def start(self) -> None:
        """Begin to look for uploads."""
        self._task = asyncio.create_task(self._run(), name="intake")

    async def stop(self) -> None:
        """Stop looking; a reading that is broken off goes on after the next start."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def look_soon(self) -> None:
        """There is something to do."""
        self._wake.set()

    async def remove(self, upload_id: UUID) -> None:
        """Remove the file of an upload, if it lies here."""
        await asyncio.to_thread((self.folder / str(upload_id)).unlink, missing_ok=True)

    async def _run(self) -> None:
        while True:
            self._wake.clear()
            try:
                await self._sweep()
                if here := await asyncio.to_thread(lying, self.folder):
                    taken = await self._db.write(partial(self._claim, here=here))
                    if taken is not None:
                        await self._attend(taken)
                        continue
            except Conflict:
                pass  # another node was quicker
            except Exception as error:  # the next look comes, whatever this one met
                log.warning("intake: a look failed: %s", type(error).__name__)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), TICK)

    async def _claim(self, tx: Transaction, here: list[UUID]) -> Upload | None:
        return await uploads.claim_next(tx, node=self._node, here=here, lost_seconds=LOST_SECONDS)

    # One upload.

    async def _attend(self, upload: Upload) -> None:
        """Read it, say how far it is, and end where an admin cancels it."""
        most = self.most * UNPACKED
        reading = _Reading(Watched(self.folder / str(upload.id), upload.name, most), upload.size)
        work = asyncio.create_task(self._read(upload, reading))
        try:
            while not work.done():
                await asyncio.wait({work}, timeout=LOOK)
                if not work.done() and not await self._alive(upload, reading):
                    await _broken_off(work, reading)
                    await self._end(upload, "cancelled")
                    return
            await work
        finally:
            await _broken_off(work, reading)

    async def _alive(self, upload: Upload, reading: _Reading) -> bool:
        told = reading.told()
        return await self._db.write(lambda tx: uploads.report_progress(tx, upload.id, self._node, told))

    async def _read(self, upload: Upload, reading: _Reading) -> None:
        try:
            if upload.state == "surveying":
                await self._survey(upload, reading)
            else:
                await self._import(upload, reading)
        except (Conflict, Unavailable):
            raise  # lost to another node, or the database is away: the row says what is owed
        except imports.BrokenRow as broken:
            why = f"{broken.place}: {broken.reason}. What stood before it is imported"
            await self._end(upload, "failed", error=f"{why}; mend the file, or leave broken rows out")
        except (BadFile, Failure) as error:
            await self._end(upload, "failed", error=str(error))
        except Exception as error:
            # The type only: messages of errors may quote a customer.
            log.exception("an upload could not be read")
            await self._end(upload, "failed", error=f"the file could not be read: {type(error).__name__}")

    async def _survey(self, upload: Upload, reading: _Reading) -> None:
        chosen = upload.options.get("format")
        format_name = str(chosen or await asyncio.to_thread(formats.format_of, reading.file))
        head = None
        if format_name == "table":
            head = _shown(await asyncio.to_thread(table.head, reading.file, HEAD_ROWS))
        described = partial(uploads.describe, format=format_name, head=head)
        await self._db.write(lambda tx: described(tx, upload.id, self._node))
        source = _source(upload, reading.file, format_name)
        figures = await imports.survey(self._db, [source], reading.reached)
        await self._end(upload, "surveyed", report=_storable(figures.view()))

    async def _import(self, upload: Upload, reading: _Reading) -> None:
        await imports.bring_in(
            self._db,
            [_source(upload, reading.file, upload.format or "uniform")],
            actor=None,
            skip_broken=bool(upload.options.get("skip_broken")),
            progress=reading.reached,
            counted=lambda tx, number: uploads.count_imported(tx, upload.id, self._node, number),
        )
        await self._end(upload, "done")
        await self.remove(upload.id)

    async def _end(self, upload: Upload, state: Any, **outcome: Any) -> None:
        if "error" in outcome:
            outcome["error"] = _storable(outcome["error"])

        async def work(tx: Transaction) -> None:
            ended = await uploads.finish(tx, upload.id, self._node, state, **outcome)
            await _note(tx, ended, f"import_{state}")

        await self._db.write(work)

    # The folder.

    async def _sweep(self) -> None:
        """Now and then: discard what is a week old, and remove files that nobody wants."""
        if time.monotonic() - self._swept < SWEEP_SECONDS:
            return
        self._swept = time.monotonic()
        await self._db.write(_discard_old)
        here = await asyncio.to_thread(lying, self.folder)
        async with self._db.read() as tx:
            wanted = await uploads.kept_among(tx, here)
        await asyncio.to_thread(sweep, self.folder, wanted, time.time() - ORPHAN_SECONDS)


async def _discard_old(tx: Transaction) -> None:
    for upload_id in await uploads.older_than(tx, datetime.now(UTC) - timedelta(days=KEPT_DAYS)):
        gone = await uploads.discard(tx, upload_id, why=f"discarded after {KEPT_DAYS} days")
        await _note(tx, gone, "import_discarded")


async def _note(tx: Transaction, upload: Upload, action: str) -> None:
    await audit.append(
        tx,
        actor_id=None,
        actor=ACTOR,
        action=action,
        subject=f"import:{upload.id}",
        details={"file": upload.name, "imported": upload.imported},
    )


async def _broken_off(work: asyncio.Task[None], reading: _Reading) -> None:
    """End a reading, its thread too; nothing where it has ended."""
    if not work.done():
        reading.file.stop()
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)


def _source(upload: Upload, file: Watched, format_name: str) -> imports.Source:
    mapped: Mapping[str, str] = upload.options.get("mapping") or {}
    name = upload.options.get("source") or None
    return imports.Source(file, format_name, name, mapped if format_name == "table" else {})


def _shown(rows: list[list[str]]) -> list[list[str]]:
    """The first rows, cut to what a page can show."""
    return [[_storable(cell[:HEAD_SIGNS]) for cell in row[:HEAD_CELLS]] for row in rows]


def _storable(value: Any) -> Any:
    """The same without what no database takes: a file may hold anything."""
    if isinstance(value, str):
        return value.replace("\0", "�").encode("utf-8", "replace").decode()
    if isinstance(value, list):
        return [_storable(one) for one in value]
    if isinstance(value, dict):
        return {key: _storable(one) for key, one in value.items()}
    return value
