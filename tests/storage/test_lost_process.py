"""A process is killed, a server drops its connections: what was acknowledged is there, and work goes on."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from typing import Any

from sqlalchemy import text

from storage import conversations, outbox, work
from storage.database import Database
from storage.errors import Unavailable

CHILD = """
import asyncio, sys
from storage import conversations, outbox, work
from storage.database import Database

async def main():
    db = await Database.open(sys.argv[1], migrate=False)
    customer = await db.write(lambda tx: conversations.create_customer(
        tx, display_name="Ada", token_hash=None, locale=None))
    print(customer.id, flush=True)
    n = 0
    async def send(n):
        received = await db.write(lambda tx: conversations.receive(
            tx, customer_id=customer.id, channel="web", text=str(n), client_msg_id=str(n)))
        print(received.message.seq, n, flush=True)
        return received
    received = await send(n)
    await db.write(lambda tx: conversations.post(
        tx, conversation_id=received.conversation.id, kind="bot", text="hi"))
    await db.write(lambda tx: work.claim(tx, limit=9, node="lost", lease_seconds=600))
    await db.write(lambda tx: outbox.claim(tx, limit=9, node="lost", lease_seconds=600))
    while True:
        await asyncio.gather(*(send(n + i) for i in range(1, 6)))
        n += 5

asyncio.run(main())
"""


async def test_a_killed_process_loses_nothing_it_acknowledged(url: str) -> None:
    command = [sys.executable, "-W", "error", "-c", CHILD, url]
    process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
    assert process.stdout is not None
    customer_id = (await process.stdout.readline()).decode().strip()
    lines = [await process.stdout.readline() for _ in range(30)]
    process.send_signal(signal.SIGKILL)
    rest, _ = await process.communicate()
    acknowledged = dict(line.decode().split() for line in [*lines, *rest.splitlines()] if b" " in line)

    db = await Database.open(url)
    async with db.read() as tx:
        found = await conversations.list_conversations(tx)
        (summary,) = found.items
        assert str(summary.customer.id) == customer_id
        stored = await conversations.messages_after(tx, summary.conversation.id, 0, limit=100_000)
        if db.dialect == "sqlite":
            assert await tx.scalar(text("PRAGMA integrity_check")) == "ok"
    assert [message.seq for message in stored] == list(range(1, len(stored) + 1))
    by_seq = {str(message.seq): message.text for message in stored}
    assert acknowledged == {seq: by_seq[seq] for seq in acknowledged}
    await resumes(db)
    await db.close()


async def resumes(db: Database) -> None:
    """What the lost process held is handed out again once it is given up."""

    async def claim(owed: Any) -> Any:
        return await db.write(lambda tx: owed.claim(tx, limit=9, node="new", lease_seconds=60))

    assert await claim(work) == [] and await claim(outbox) == []
    assert await db.write(lambda tx: work.release_all(tx, "lost")) == 1
    assert await db.write(lambda tx: outbox.release_all(tx, "lost")) == 1
    assert [item.attempts for item in await claim(work)] == [2]
    assert [(item.text, item.uncertain) for item in await claim(outbox)] == [("hi", True)]


async def test_a_server_that_drops_its_connections_is_unavailable_and_then_back(
    db: Database, new_customer: Any
) -> None:
    if db.dialect == "sqlite":
        return
    customer = await new_customer(db)
    drop = text(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND application_name = 'deskhand'"
    )
    try:
        await db.write(lambda tx: tx.execute(drop))
    except Unavailable:
        pass
    else:
        raise AssertionError("our own connection was dropped, and nobody noticed")
    async with db.read() as tx:
        assert await conversations.customer(tx, customer.id) == customer
    await new_customer(db)
