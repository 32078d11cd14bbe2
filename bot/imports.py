"""Bringing transcripts in: surveyed without a trace, or stored in small transactions that can be resumed.

A conversation is stored once by its external id, `<source>:<id>`, so the same command given again goes on
where it was stopped. Knows storage and the readers; knows no model and no command line.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bot.failure import Failure
from bot.survey import Digest, Survey, digest_of
from storage import audit, conversations, exports
from storage.database import Database, Transaction
from storage.errors import Invalid
from storage.imports import ImportedTurn, check_import
from storage.transcripts import formats
from storage.transcripts.lines import Readable
from storage.transcripts.transcript import Transcript

BATCH: Final = 32
"""Conversations in one transaction: others' writes get their turn in between."""
_OWN_NAMES: Final = frozenset({"uniform", "table"})
"""Formats of anybody's files: their ids are told apart by the file, not by the desk."""

Counted = Callable[[Transaction, int], Awaitable[None]]
"""Told how many a transaction has stored, within it."""


class BrokenRow(Failure):
    """A broken row has ended an import."""

    def __init__(self, file: str, place: str, reason: str, imported: int) -> None:
        super().__init__(
            f"{file} {place}: {reason}. Imported before it: {imported:,}. "
            "Mend the row, or say --skip-broken, and give the command again: it goes on from there"
        )
        self.place, self.reason = place, reason


@dataclass(frozen=True, slots=True)
class Source:
    """A file to read; `name` None lets the file say where its conversations come from."""

    path: Readable
    format: str
    name: str | None
    mapped: Mapping[str, str]

    def external_id(self, found: Transcript) -> str:
        """Who the conversation is, for ever."""
        return f"{self.name or self._own_name(found)}:{found.id}"

    def _own_name(self, found: Transcript) -> str:
        if self.format not in _OWN_NAMES:
            return self.format
        told = found.meta.get("source")
        return told if isinstance(told, str) and told else self.path.name.split(".")[0]


@dataclass(frozen=True, slots=True)
class _Item:
    """A row of a file: a conversation that can be stored, or a reason why there is none."""

    source: Source
    place: str
    external_id: str
    found: Transcript | None
    reason: str


def sources(
    paths: Sequence[Path], format_name: str | None, name: str | None, mapped: Mapping[str, str]
) -> list[Source]:
    """The files with their formats, told or found; raises BadFile."""
    return [Source(path, format_name or formats.format_of(path), name, mapped) for path in paths]


async def survey(db: Database, given: Sequence[Source], progress: Callable[[int], None]) -> Survey:
    """Count what there is; nothing is stored, and broken rows are listed. Raises BadFile."""
    figures = Survey()
    stored = await _stored(db)
    async for batch in _batches(given):
        await _new(db, figures, batch, stored)
        progress(figures.conversations)
    return figures


async def bring_in(
    db: Database,
    given: Sequence[Source],
    *,
    actor: str | None,
    skip_broken: bool,
    progress: Callable[[int], None],
    counted: Counted | None = None,
) -> Survey:
    """Store what is new, in the order of the files; figures are those of the survey.

    The audit log hears of it, unless there is no `actor`: then the caller tells it. A broken row ends it with
    a BrokenRow that says what to do, unless they are skipped; what was stored before stays. Raises BadFile
    where a file can't be read on.
    """
    figures = Survey()
    stored = await _stored(db)
    files = [{"file": one.path.name, "format": one.format} for one in given]
    async for batch in _batches(given):
        sound = batch if skip_broken else list(itertools.takewhile(lambda item: item.found, batch))
        new = await _new(db, figures, sound, stored)
        if new:
            begun = (actor, {"files": files}) if actor and not figures.imported else None
            figures.imported += await _store(db, new, begun, counted)
        progress(figures.conversations)
        if len(sound) < len(batch):
            item = batch[len(sound)]
            raise BrokenRow(item.source.path.name, item.place, item.reason, figures.imported)
    if figures.imported and actor:
        await db.write(lambda tx: _note(tx, actor, "import_ended", {"imported": figures.imported}))
    return figures


async def _stored(db: Database) -> set[Digest]:
    """Digests of all that is stored, a page at a time."""
    return {digest_of(one.turns) async for one in exports.every(db, exports.exported) if one.turns}


async def _batches(given: Sequence[Source]) -> AsyncIterator[list[_Item]]:
    """The rows of all files, BATCH at a time, read beside the event loop."""
    rows = (item for source in given for item in _items(source))
    while batch := await asyncio.to_thread(lambda: list(itertools.islice(rows, BATCH))):
        yield batch


def _items(source: Source) -> Iterator[_Item]:
    for row in formats.rows(source.path, source.format, source.mapped):
        if row.transcript is None:
            yield _Item(source, row.place, "", None, row.reason)
            continue
        external_id = source.external_id(row.transcript)
        try:
            check_import(external_id, _turns(row.transcript), row.transcript.meta)
        except Invalid as error:
            yield _Item(source, row.place, external_id, None, str(error))
        else:
            yield _Item(source, row.place, external_id, row.transcript, "")


def _turns(found: Transcript) -> list[ImportedTurn]:
    """What is stored of it: blank turns are left out, a machine's are marked as such."""
    return [
        ("bot" if turn.origin == "automatic" and turn.role == "agent" else turn.role, turn.text, turn.at)
        for turn in found.turns
        if turn.text.strip()
    ]


async def _new(
    db: Database, figures: Survey, batch: Sequence[_Item], stored: set[Digest]
) -> list[tuple[str, Transcript]]:
    """Count the batch; what of it is to be stored."""
    async with db.read() as tx:
        there = await conversations.imported_among(tx, [item.external_id for item in batch if item.found])

    def count() -> list[tuple[str, Transcript]]:
        new = []
        for item in batch:
            if item.found is None:
                figures.add_broken(item.source.path.name, item.place, item.reason)
            elif figures.add(item.external_id, item.found, there, stored):
                new.append((item.external_id, item.found))
        return new

    return await asyncio.to_thread(count)


async def _store(
    db: Database,
    new: Sequence[tuple[str, Transcript]],
    begun: tuple[str, Mapping[str, Any]] | None,
    counted: Counted | None,
) -> int:
    async def work(tx: Transaction) -> int:
        if begun is not None:
            await _note(tx, begun[0], "import_begun", begun[1])
        made = [
            await conversations.import_conversation(
                tx, external_id=external_id, turns=_turns(found), meta=found.meta
            )
            for external_id, found in new
        ]
        number = sum(one.created for one in made)
        if counted is not None:
            await counted(tx, number)
        return number

    return await db.write(work)


async def _note(tx: Transaction, actor: str, action: str, details: Mapping[str, Any]) -> None:
    await audit.append(
        tx, actor_id=None, actor=actor, action=action, subject="conversations", details=details
    )
