"""The single writer of a SQLite file: works in, group commits out. Knows no table.

A group of works runs in one go in a thread that owns the only writing connection: each work in a
savepoint of its own, one fsync for all. Crossing to a thread for every statement instead costs more
than the statements. Whatever goes wrong with a group reaches everyone who waits for it.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final, TypeVar, cast

from sqlalchemy import Connection, Engine

from storage.errors import StorageError, Unavailable
from storage.transaction import Transaction, translate

log = logging.getLogger("deskhand.storage")
T = TypeVar("T")
Work = Callable[[Transaction], Awaitable[Any]]

_THREAD: Final = "storage-writer"
GROUP_SIZE: Final = 64
GROUP_SECONDS: Final = 0.005


@dataclass(slots=True)
class _Job:
    work: Work
    future: asyncio.Future[Any]
    result: Any = None
    error: Exception | None = None

    def answer(self) -> None:
        if self.future.done():
            return
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.result)


class Writer:
    """Runs works one after the other on the only writing connection; made on a running loop."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._loop = asyncio.get_running_loop()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=_THREAD)
        # appended to on the loop, taken from in the thread: a deque allows that
        self._jobs: deque[_Job] = deque()
        self._news = asyncio.Event()
        self._closing = False
        self._task = asyncio.create_task(self._run(), name=_THREAD)

    @property
    def alive(self) -> bool:
        """Whether works are taken."""
        return not self._closing and not self._task.done()

    async def submit(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        """Run `work` and return its result after the commit; raises what it raised, or Unavailable.

        A caller who is cancelled leaves a work that has begun to be committed with its group.
        """
        if not self.alive:
            raise Unavailable("the database is closed")
        if threading.current_thread().name.startswith(_THREAD):
            raise StorageError("a work can't wait for another work: use the transaction it was given")
        future: asyncio.Future[T] = self._loop.create_future()
        self._jobs.append(_Job(work, future))
        self._news.set()
        return await future

    async def checkpoint(self) -> bool:
        """Empty the write-ahead log into the file, between two groups; False where a reader is in the way."""
        if not self.alive:
            raise Unavailable("the database is closed")
        return await self._loop.run_in_executor(self._thread, self._checkpoint)

    def _checkpoint(self) -> bool:
        connection = self._engine.raw_connection()
        try:
            cursor = connection.cursor()
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            row = cursor.fetchone()
            return row is not None and not row[0]
        finally:
            connection.close()

    async def close(self) -> None:
        """Finish what was submitted, then stop and let go of the connection."""
        self._closing = True
        self._news.set()
        await asyncio.gather(self._task, return_exceptions=True)
        await asyncio.to_thread(self._stop)

    def _stop(self) -> None:
        # behind a group that may still be running, and in the thread that made the connection
        self._thread.submit(self._engine.dispose).result()
        self._thread.shutdown()

    async def _run(self) -> None:
        try:
            while not self._closing or self._jobs:
                await self._news.wait()
                self._news.clear()
                while self._jobs:
                    await self._loop.run_in_executor(self._thread, self._run_group)
        except Exception:
            log.exception("the writer stopped")
        finally:
            # nobody is left waiting, whether we were closed, cancelled or wrong
            self._closing = True
            while self._jobs:
                left = self._jobs.popleft()
                left.error = Unavailable("the database is closed")
                left.answer()

    def _run_group(self) -> None:
        """In the thread: one transaction for the works that wait now."""
        group: list[_Job] = []
        try:
            with self._engine.connect() as connection, connection.begin():
                self._run_jobs(connection, group)
        except Exception as error:
            failure = error if isinstance(error, Unavailable) else translate(error)
            if not group and self._jobs:
                group.append(self._jobs.popleft())
            log.warning("a group of %d writes was not committed: %s", len(group), failure)
            for job in group:
                job.error = Unavailable(str(failure))
        finally:
            # from here and not from the task, which may have been cancelled meanwhile
            self._loop.call_soon_threadsafe(_answer, group)

    def _run_jobs(self, connection: Connection, group: list[_Job]) -> None:
        """Run works as long as there are some and the group is small; raises what spoils the group."""
        deadline = time.monotonic() + GROUP_SECONDS
        while self._jobs and len(group) < GROUP_SIZE:
            job = self._jobs.popleft()
            if not job.future.cancelled():
                group.append(job)
                _run_job(connection, job)
            if time.monotonic() > deadline:
                return


def _run_job(connection: Connection, job: _Job) -> None:
    transaction = Transaction(connection, writable=True)
    savepoint = connection.begin_nested()
    try:
        job.result = _drive(job.work(transaction))
    except asyncio.CancelledError:
        job.error = Unavailable("the work was cancelled")
    except Exception as error:
        job.error = error
    if transaction.failed is not None:
        raise transaction.failed
    # answered after the commit too: the error may rest on what an earlier work of the group wrote
    if job.error is None:
        savepoint.commit()
    else:
        savepoint.rollback()


def _drive(awaitable: Awaitable[T]) -> T:
    """Run a work to its end. Its statements need no loop here, and nothing else may be awaited."""
    coroutine = cast(Coroutine[Any, Any, T], awaitable)
    try:
        coroutine.send(None)
    except StopIteration as end:
        return cast(T, end.value)
    coroutine.close()
    raise StorageError("a work may await its transaction only: everybody else waits for it")


def _answer(group: list[_Job]) -> None:
    for job in group:
        job.answer()
