"""A snapshot of what a round learns from: the log as a file, frozen, with its digest.

The trainer works on files, in a process of its own: on SQLite one process alone opens the database. A file
that is there already is taken as it is, so that a round that was stopped goes on with the same rows. Knows
storage and the uniform format; knows no trainer.
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from storage.database import Database
from storage.exports import every, transcript_of
from storage.learnable import learnable
from storage.transcripts import uniform

FILE, NOTE = "snapshot.jsonl.gz", "snapshot.json"
FILTERS = ("an agent has replied", "the customer has not declined")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A frozen file; `conversations` and `replies` count what is in it."""

    path: Path
    sha256: str
    conversations: int
    replies: int

    def told(self) -> dict[str, Any]:
        """For the report of the round: the digest and the filters, not the place."""
        facts = asdict(self)
        del facts["path"]
        return {**facts, "filters": list(FILTERS)}


async def freeze(db: Database, folder: Path) -> Snapshot:
    """Write the log's conversations below `folder`, or take the snapshot that is there."""
    known = await asyncio.to_thread(_known, folder)
    if known is not None:
        return known
    lines: list[str] = []
    replies = 0
    async for one in every(db, learnable):
        lines.append(json.dumps(uniform.row_of(transcript_of(one)), ensure_ascii=False))
        replies += sum(turn.role == "agent" for turn in one.turns)
    return await asyncio.to_thread(_write, folder, lines, replies)


def _write(folder: Path, lines: list[str], replies: int) -> Snapshot:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    # The packed file's own clock and name are left out, so that the same rows have the same digest.
    packed = gzip.compress("".join(f"{line}\n" for line in lines).encode(), mtime=0)
    path = folder / FILE
    path.write_bytes(packed)
    made = Snapshot(path, hashlib.sha256(packed).hexdigest(), len(lines), replies)
    note = folder / f"{NOTE}.new"
    note.write_text(json.dumps({**asdict(made), "path": FILE}))
    note.replace(folder / NOTE)
    return made


def _known(folder: Path) -> Snapshot | None:
    """The snapshot that was frozen here, if it is still what it was."""
    try:
        told = json.loads((folder / NOTE).read_text())
        packed = (folder / FILE).read_bytes()
    except (FileNotFoundError, json.JSONDecodeError):
        return None
    if hashlib.sha256(packed).hexdigest() != told["sha256"]:
        return None
    return Snapshot(**{**told, "path": folder / FILE})
