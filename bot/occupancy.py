"""Who works on a data folder with SQLite: servers hold a lock, and a command can tell that one does.

One process writes to a SQLite file; what a command changes beside a server can be lost on both. The lock
goes with the process, however that ends. Knows nothing of what is done meanwhile.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from bot.failure import Failure

FILE = "serving.lock"
_PAUSE = 0.1


@asynccontextmanager
async def serving(data_dir: Path) -> AsyncIterator[None]:
    """Be a server on this folder for the length of the block; waits for a command that is at work."""
    held = _opened(data_dir)
    try:
        while not _locked(held, fcntl.LOCK_SH):  # noqa: ASYNC110 - another process lets go of it
            await asyncio.sleep(_PAUSE)
        yield
    finally:
        os.close(held)


@contextmanager
def alone(data_dir: Path, advice: str) -> Iterator[None]:
    """Be the only one on this folder; raises Failure, with the advice, where a server is."""
    held = _opened(data_dir)
    try:
        if not _locked(held, fcntl.LOCK_EX):
            raise Failure(f"a server is running on {data_dir}; {advice}")
        yield
    finally:
        os.close(held)


def _opened(data_dir: Path) -> int:
    return os.open(data_dir / FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _locked(held: int, kind: int) -> bool:
    try:
        fcntl.flock(held, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
