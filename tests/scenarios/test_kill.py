"""kill -9 of the server in the middle of everything: what was acknowledged is kept, done once, sent once.

Three kills by default; DESKHAND_KILLS=20 pytest tests/scenarios/test_kill.py does twenty (some minutes).
"""

from __future__ import annotations

import asyncio
import os
import random
import socket
import sqlite3
import sys
from asyncio.subprocess import PIPE, Process
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from bot.api.callers import new_token, token_hash
from bot.casefile import FLOORS_KEY, TOLERATED_KEY
from bot.settings import DATABASE_FILE
from storage import conversations, outbox, settings_store, work
from storage.database import Database
from storage.records import Message

ROOT = Path(__file__).parents[2]
KILLS = int(os.environ.get("DESKHAND_KILLS", "3"))
PAUSES = [0.5] * 24 + [3.0] * 6
"""Seconds that each client waits between its messages, fifty a second in all where the machine can
keep up. The patient ones are there to be answered: who writes again before that gets no answer."""
REPEATED = 5
"""Every so manieth message is sent again although it was acknowledged."""
ASKED = ("where is my order", "my refund please", "how do I return it", "hello")
"""In turns, or the bot would hand over to a person because nothing that it says helps."""


@dataclass
class Client:
    """One customer who sends each message until it is acknowledged."""

    address: str
    name: str
    pause: float
    token: str = field(default_factory=new_token)
    acked: dict[str, tuple[str, int]] = field(default_factory=dict)
    """By client_msg_id: the id and the seq that we were told."""

    async def talk(self, http: aiohttp.ClientSession, stop: asyncio.Event) -> None:
        number = 0
        while not stop.is_set():
            key = f"{self.name}-{number}"
            said = {"client_msg_id": key, "text": ASKED[number % len(ASKED)]}
            self.acked[key] = await self._send(http, said)
            if number % REPEATED == 0:
                assert await self._send(http, said) == self.acked[key]
            number += 1
            await asyncio.sleep(self.pause)

    async def _send(self, http: aiohttp.ClientSession, said: dict[str, str]) -> tuple[str, int]:
        headers = {"Authorization": f"Bearer {self.token}"}
        while True:
            with suppress(aiohttp.ClientError, TimeoutError):
                async with http.post(self.address, json=said, headers=headers) as answer:
                    if answer.status in (200, 201):
                        told: dict[str, Any] = await answer.json()
                        return told["id"], told["seq"]
                    # Busy or just starting, never a refusal.
                    assert answer.status in (429, 503), await answer.text()
            await asyncio.sleep(0.1)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def start(folder: Path, port: int) -> Process:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.scenarios.mortal", str(folder), str(port), cwd=ROOT, stdout=PIPE
    )
    assert process.stdout is not None
    assert (await asyncio.wait_for(process.stdout.readline(), 60)).strip() == b"ready"
    return process


async def kill(process: Process) -> None:
    process.kill()
    await process.communicate()


async def prepare(url: str, clients: list[Client]) -> None:
    """A database with the customers in it, and a measured floor from which drafts go out alone."""
    db = await Database.open(url)
    kept = {"fake-1": {"tolerated": 5, "floor": 0.5, "why": "", "at": ""}}
    await db.write(lambda tx: settings_store.put_setting(tx, TOLERATED_KEY, 5))
    await db.write(lambda tx: settings_store.put_setting(tx, FLOORS_KEY, kept))
    for client in clients:
        hashed = token_hash(client.token)
        await db.write(
            lambda tx, hashed=hashed: conversations.create_customer(  # type: ignore[misc]
                tx, display_name="", token_hash=hashed, locale=None
            )
        )
    await db.close()


async def until_more(count: Callable[[], int], more: int, *, seconds: float) -> None:
    """Wait until a number has grown."""
    before = count()
    async with asyncio.timeout(seconds):
        while count() < before + more:
            await asyncio.sleep(0.02)


async def settle(db: Database) -> None:
    """Wait until nothing is owed. A time without progress that is shorter than a lease ends it: what a
    killed process held has to be free at once."""
    least = None
    async with asyncio.timeout(40) as limit:
        while least != 0:
            async with db.read() as tx:
                owed = await work.depth(tx) + await outbox.depth(tx)
            if least is None or owed < least:
                least = owed
                limit.reschedule(asyncio.get_running_loop().time() + 40)
            await asyncio.sleep(0.1)


async def all_messages(db: Database) -> list[list[Message]]:
    async with db.read() as tx:
        page = await conversations.list_conversations(tx)
        return [
            await conversations.messages_after(tx, item.conversation.id, 0, limit=100_000)
            for item in page.items
        ]


@pytest.mark.slow
async def test_kill_9_loses_nothing_and_sends_nothing_twice(tmp_path: Path) -> None:
    rng = random.Random(7)
    port, paper = free_port(), tmp_path / "sent.txt"
    url = f"sqlite:///{tmp_path / DATABASE_FILE}"
    address = f"http://127.0.0.1:{port}/api/customer/messages"
    clients = [Client(address, f"c{n}", pause) for n, pause in enumerate(PAUSES)]
    paper.touch()
    await prepare(url, clients)
    stop = asyncio.Event()
    timeout, connector = aiohttp.ClientTimeout(total=10), aiohttp.TCPConnector(limit=0, force_close=True)
    async with aiohttp.ClientSession(timeout=timeout, connector=connector) as http:
        talking = [asyncio.create_task(client.talk(http, stop)) for client in clients]
        for _ in range(KILLS):
            process = await start(tmp_path, port)
            # Something is acknowledged in each life, and mostly something goes out; then it ends at once.
            await until_more(lambda: sum(len(client.acked) for client in clients), 25, seconds=60)
            with suppress(TimeoutError):
                await until_more(lambda: len(paper.read_text().splitlines()), 2, seconds=5)
            await asyncio.sleep(rng.uniform(0.0, 0.3))
            await kill(process)
        process = await start(tmp_path, port)
        stop.set()
        async with asyncio.timeout(60):
            await asyncio.gather(*talking)
    # Only to look: one process writes to a SQLite file.
    db = await Database.open(url, migrate=False)
    await settle(db)
    await kill(process)
    threads = await all_messages(db)
    await db.close()

    told = {key: ack for client in clients for key, ack in client.acked.items()}
    asked = [message for thread in threads for message in thread if message.kind == "customer"]
    assert len(asked) == len(told) >= KILLS * 25
    assert {message.client_msg_id: (str(message.id), message.seq) for message in asked} == told
    for thread in threads:
        assert [message.seq for message in thread] == list(range(1, len(thread) + 1))
    answers = [message for thread in threads for message in thread if message.kind == "bot"]
    assert len(answers) >= len(clients) / 2
    assert {message.delivery for message in answers} == {"sent"}
    assert Counter(paper.read_text().splitlines()) == Counter(str(message.id) for message in answers)
    with sqlite3.connect(tmp_path / DATABASE_FILE) as file:
        assert file.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    file.close()
