"""kill -9 in the middle of everything: what was acknowledged is kept, done once and sent once."""

from __future__ import annotations

import asyncio
import json
import random
import sys
from asyncio.subprocess import PIPE, Process
from collections import Counter
from pathlib import Path

from storage import conversations, outbox, work
from storage.database import Database
from storage.records import Message

ROOT = Path(__file__).parents[2]
CUSTOMERS, MESSAGES, KILLS = 10, 40, 3


async def start(folder: Path) -> Process:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.scenarios.mortal", str(folder), cwd=ROOT, stdin=PIPE, stdout=PIPE
    )
    assert process.stdout is not None
    assert (await asyncio.wait_for(process.stdout.readline(), 30)).strip() == b"ready"
    return process


async def send(process: Process, messages: list[dict[str, str]], acked: set[str], *, enough: int) -> None:
    """Offer messages one after the other, and read acknowledgements until there are enough."""
    assert process.stdin is not None
    assert process.stdout is not None
    for message in messages:
        process.stdin.write(json.dumps(message).encode() + b"\n")
    await process.stdin.drain()
    while len(acked) < enough:
        line = await asyncio.wait_for(process.stdout.readline(), 30)
        acked.add(line.decode().strip())


async def a_few_more_lines(path: Path, more: int) -> None:
    """Wait until a file has grown by some lines."""
    before = len(path.read_text().splitlines()) if path.exists() else 0
    async with asyncio.timeout(30):
        while not path.exists() or len(path.read_text().splitlines()) < before + more:
            await asyncio.sleep(0.01)


async def kill(process: Process) -> set[str]:
    """Kill it, and return what it had acknowledged without our having read it."""
    process.kill()
    assert process.stdout is not None
    rest = (await process.stdout.read()).decode().split("\n")[:-1]
    await process.wait()
    return set(rest)


async def make_customers(folder: Path) -> list[str]:
    db = await Database.open(f"sqlite:///{folder / 'mortal.sqlite3'}")
    made = []
    for _ in range(CUSTOMERS):
        made.append(
            await db.write(
                lambda tx: conversations.create_customer(tx, display_name="", token_hash=None, locale=None)
            )
        )
    await db.close()
    return [str(customer.id) for customer in made]


async def all_messages(db: Database, customers: list[str]) -> list[list[Message]]:
    threads = []
    async with db.read() as tx:
        page = await conversations.list_conversations(tx)
        for item in page.items:
            threads.append(await conversations.messages_after(tx, item.conversation.id, 0))
    assert len(threads) == len(customers)
    return threads


async def settle(db: Database) -> None:
    async with asyncio.timeout(60):
        while True:
            async with db.read() as tx:
                if await work.depth(tx) == 0 and await outbox.depth(tx) == 0:
                    return
            await asyncio.sleep(0.1)


async def test_kill_9_loses_nothing_and_sends_nothing_twice(tmp_path: Path) -> None:
    rng = random.Random(7)
    customers = await make_customers(tmp_path)
    said = [
        {"customer": customers[n % CUSTOMERS], "text": f"where is order {n}", "client_msg_id": f"m-{n}"}
        for n in range(MESSAGES)
    ]
    acked: set[str] = set()
    for round_number in range(KILLS):
        process = await start(tmp_path)
        # Each life takes a part of what is new, and again what was never acknowledged, as widgets do.
        ready = said[: (round_number + 1) * MESSAGES // KILLS]
        offered = [message for message in ready if message["client_msg_id"] not in acked]
        await send(process, offered, acked, enough=len(acked) + rng.randrange(1, len(offered)))
        # Right after something went out and before it was noted, for some of what is under way.
        await a_few_more_lines(tmp_path / "sent.txt", 2)
        await asyncio.sleep(rng.uniform(0.0, 0.1))
        acked |= await kill(process)
    process = await start(tmp_path)
    await send(process, [m for m in said if m["client_msg_id"] not in acked], acked, enough=MESSAGES)
    # Only to look: one process writes to a SQLite file.
    db = await Database.open(f"sqlite:///{tmp_path / 'mortal.sqlite3'}", migrate=False)
    await settle(db)
    await kill(process)
    threads = await all_messages(db, customers)
    await db.close()

    for thread in threads:
        assert [message.seq for message in thread] == list(range(1, len(thread) + 1))
    stored = Counter(m.client_msg_id for thread in threads for m in thread if m.kind == "customer")
    assert stored == Counter(m["client_msg_id"] for m in said)
    answers = [message for thread in threads for message in thread if message.kind == "bot"]
    assert answers
    assert {message.delivery for message in answers} == {"sent"}
    sent = (tmp_path / "sent.txt").read_text().splitlines()
    assert Counter(sent) == Counter(str(message.id) for message in answers)
