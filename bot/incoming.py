"""A large file on its way in: written to disk as it comes, never held in memory, and whole or not there.

It lies under an id; the name that its sender gave it is made harmless, and is never a path. Knows no
request and no database.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import shutil
import unicodedata
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final
from uuid import UUID

FOLDER: Final = "uploads"
"""Where uploads lie, below the data folder."""
PART: Final = ".part"
RESERVE: Final = 256 << 20
"""Bytes that stay free on the disk: the database may lie there, too."""
_AT_ONCE: Final = 1 << 20
_LONGEST_NAME: Final = 120


class TooLarge(Exception):
    """More bytes came than a file may have."""


class NoRoom(Exception):
    """The disk is full, or would be."""


def plain_name(given: str) -> str:
    """What a file is called from now on: no folders, nothing unprintable, not too long."""
    last = re.split(r"[/\\]", given)[-1]
    kept = "".join(sign for sign in last if unicodedata.category(sign)[0] not in "CZ" or sign == " ")
    name = " ".join(kept.split()).lstrip(".")
    if len(name) <= _LONGEST_NAME:
        return name or "upload"
    ending = "".join(Path(name).suffixes[-2:])[-20:]
    return name[: _LONGEST_NAME - len(ending)] + ending


class Incoming:
    """The file as far as it has come."""

    def __init__(self, path: Path, most: int) -> None:
        self._path, self._part = path, path.with_name(path.name + PART)
        self._most = most
        self._file = os.open(self._part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        self._held = bytearray()
        self._digest = hashlib.sha256()
        self.size = 0

    @property
    def sha256(self) -> str:
        """The digest of what has been written."""
        return self._digest.hexdigest()

    async def take(self, chunk: bytes) -> None:
        """The next bytes; raises TooLarge, NoRoom."""
        self.size += len(chunk)
        if self.size > self._most:
            raise TooLarge
        self._held += chunk
        if len(self._held) >= _AT_ONCE:
            await asyncio.to_thread(self._write)

    async def keep(self) -> None:
        """All has come: it is on the disk, under its own name, when this returns; raises NoRoom."""
        await asyncio.to_thread(self._settle)

    def _write(self) -> None:
        held, self._held = bytes(self._held), bytearray()
        try:
            if shutil.disk_usage(self._part.parent).free < RESERVE + len(held):
                raise NoRoom
            self._digest.update(held)
            view = memoryview(held)
            while view:
                view = view[os.write(self._file, view) :]
        except OSError as error:
            raise NoRoom from error

    def _settle(self) -> None:
        self._write()
        os.fsync(self._file)
        self._part.rename(self._path)

    def close(self) -> None:
        """Let go of it; what has not been kept is removed."""
        os.close(self._file)
        self._part.unlink(missing_ok=True)


@asynccontextmanager
async def incoming(folder: Path, upload_id: UUID, most: int) -> AsyncIterator[Incoming]:
    """A file that begins to come in; gone at the end of the block unless it was kept."""
    one = await asyncio.to_thread(_begun, folder, upload_id, most)
    try:
        yield one
    finally:
        one.close()


def _begun(folder: Path, upload_id: UUID, most: int) -> Incoming:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return Incoming(folder / str(upload_id), most)


def lying(folder: Path) -> list[UUID]:
    """Ids of the whole files in the folder."""
    if not folder.is_dir():
        return []
    return [found for path in folder.iterdir() if (found := _id_of(path.name)) is not None]


def sweep(folder: Path, wanted: set[UUID], untouched_since: float) -> int:
    """Remove what nobody wants any more and nobody has written to since; how many files that were."""
    removed = 0
    for path in folder.iterdir() if folder.is_dir() else ():
        upload_id = _id_of(path.name.removesuffix(PART))
        unwanted = upload_id is not None and (upload_id not in wanted or path.name.endswith(PART))
        if unwanted and path.stat().st_mtime < untouched_since:
            path.unlink(missing_ok=True)
            removed += 1
    return removed


def _id_of(name: str) -> UUID | None:
    try:
        return UUID(name)
    except ValueError:
        return None
