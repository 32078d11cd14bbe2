"""kill -9 of the server, again and again, under load: nothing acknowledged is lost, nothing doubled.

Real HTTP: 25 customers write two messages a second each and retry every send, with the same client
message id, until it is acknowledged; the server is killed at random moments and started again on
the same data. Then every conversation is read back and held against the acknowledgements.

    python benchmarks/kill_nine.py [--quick] [--json]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp

sys.path.insert(0, str(Path(__file__).resolve().parent))
from harness import write_result

PORT = 8097
URL = f"http://127.0.0.1:{PORT}"
CUSTOMERS, RATE = 25, 50.0
PATIENCE = 90.0
"""Seconds that a client goes on retrying one message."""


@dataclass(slots=True)
class Ledger:
    """What clients were told."""

    acknowledged: dict[str, tuple[str, int]] = field(default_factory=dict)
    """Client message id to (message id, seq)."""
    contradicted: int = 0
    """Repeats that were answered otherwise than the first time."""
    retries: int = 0

    def note(self, key: str, answer: dict[str, Any]) -> None:
        """One acknowledgement."""
        told = (answer["id"], answer["seq"])
        if self.acknowledged.setdefault(key, told) != told:
            self.contradicted += 1


async def start(folder: Path, log: Path) -> asyncio.subprocess.Process:
    """A server on `folder`; returns once it answers."""
    environment = {**os.environ, "DESKHAND_DATA_DIR": str(folder), "DESKHAND_VISITORS_PER_MINUTE": "600"}
    with log.open("a") as errors:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bot.cli", "serve", "--port", str(PORT),
            env=environment, stdout=asyncio.subprocess.DEVNULL, stderr=errors,
        )  # fmt: skip
    async with aiohttp.ClientSession() as http:
        for _ in range(600):
            try:
                async with http.get(f"{URL}/health") as answer:
                    if answer.status == 200:
                        return process
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.1)
    raise TimeoutError(f"the server did not come back; see {log}")


async def customer(http: aiohttp.ClientSession, token: str, ledger: Ledger, stop: asyncio.Event) -> None:
    """Writes at its pace, and repeats one send in ten although it was acknowledged."""
    rng, due = random.Random(token), time.monotonic()
    while not stop.is_set():
        key = str(uuid4())
        body = {"client_msg_id": key, "text": f"message {key[:8]}: where is my order TT-104823?"}
        await send(http, token, body, ledger)
        if rng.random() < 0.1:
            await send(http, token, body, ledger)
        # By the clock, not by the answers: what a dead server kept waiting is made up for afterwards.
        due += rng.uniform(0.5, 1.5) * CUSTOMERS / RATE
        await asyncio.sleep(max(0.0, due - time.monotonic()))


async def send(http: aiohttp.ClientSession, token: str, body: dict[str, str], ledger: Ledger) -> None:
    """Post until it is acknowledged."""
    give_up = time.monotonic() + PATIENCE
    headers = {"Authorization": f"Bearer {token}"}
    while True:
        try:
            async with http.post(f"{URL}/api/customer/messages", json=body, headers=headers) as answer:
                if answer.status in (200, 201):
                    ledger.note(body["client_msg_id"], await answer.json())
                    return
        except (aiohttp.ClientError, TimeoutError):
            pass
        ledger.retries += 1
        if time.monotonic() > give_up:
            raise TimeoutError("a message was never acknowledged")
        await asyncio.sleep(0.2)


async def new_token(http: aiohttp.ClientSession) -> str:
    """A visitor."""
    async with http.post(f"{URL}/api/customer/session", json={}) as answer:
        token: str = (await answer.json())["token"]
        return token


async def stored(http: aiohttp.ClientSession, token: str) -> list[dict[str, Any]]:
    """A visitor's whole conversation."""
    messages: list[dict[str, Any]] = []
    headers = {"Authorization": f"Bearer {token}"}
    while True:
        after = messages[-1]["seq"] if messages else 0
        async with http.get(f"{URL}/api/customer/conversation?after={after}", headers=headers) as answer:
            page = (await answer.json())["messages"]
        if not page:
            return messages
        messages += page


def judge(ledger: Ledger, threads: list[list[dict[str, Any]]], database: Path) -> dict[str, int]:
    """Acknowledgements against what is there."""
    said = [m for thread in threads for m in thread if m["kind"] == "customer"]
    there = {m["client_msg_id"]: (m["id"], m["seq"]) for m in said}
    doubled = sum(n - 1 for n in Counter(m["client_msg_id"] for m in said).values())
    doubled += sum(n - 1 for n in Counter(m["text"] for m in said).values())
    with sqlite3.connect(database) as connection:
        integrity = connection.execute("PRAGMA integrity_check").fetchone()[0]
        twice = connection.execute(
            "SELECT count(*) - count(DISTINCT message_id) FROM suggestions"
        ).fetchone()[0]
    return {
        "lost": sum(there.get(key) != told for key, told in ledger.acknowledged.items()),
        "doubled": doubled,
        "contradicted": ledger.contradicted,
        "drafted_twice": twice,
        "integrity_errors": int(integrity != "ok"),
    }


async def run(kills: int) -> dict[str, Any]:
    """Kill `kills` times, then judge."""
    rng = random.Random(7)
    ledger = Ledger()
    back: list[float] = []
    with tempfile.TemporaryDirectory() as name:
        folder, log = Path(name, "data"), Path(name, "log")
        process = await start(folder, log)
        began = time.monotonic()
        timeout = aiohttp.ClientTimeout(total=15)
        async with aiohttp.ClientSession(timeout=timeout) as http:
            tokens = [await new_token(http) for _ in range(CUSTOMERS)]
            stop = asyncio.Event()
            clients = [asyncio.create_task(customer(http, t, ledger, stop)) for t in tokens]
            for number in range(kills):
                await asyncio.sleep(rng.uniform(1.0, 5.0))
                process.kill()
                await process.wait()
                killed = time.monotonic()
                process = await start(folder, log)
                back.append(time.monotonic() - killed)
                print(f"kill {number + 1}: back in {back[-1]:.1f} s, {len(ledger.acknowledged)} acknowledged",
                      file=sys.stderr)  # fmt: skip
            stop.set()
            await asyncio.gather(*clients)
            seconds = time.monotonic() - began
            threads = [await stored(http, t) for t in tokens]
            process.terminate()
            await process.wait()
        found = judge(ledger, threads, folder / "deskhand.sqlite3")
    row = {
        "kills": kills,
        "acknowledged": len(ledger.acknowledged),
        "per_second": round(len(ledger.acknowledged) / seconds, 1),
        "retries": ledger.retries,
        "back_p50_s": round(sorted(back)[len(back) // 2], 1),
        **found,
    }
    verdict = {name: {"value": value, "aim": 0, "ok": value == 0} for name, value in found.items()}
    return write_result("kill_nine", [row], verdict)


def main() -> int:
    """Command line; exit 1 where something was lost or doubled."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="five kills")
    parser.add_argument("--json", action="store_true", help="print the result as one JSON object")
    arguments = parser.parse_args()
    result = asyncio.run(run(5 if arguments.quick else 20))
    if arguments.json:
        print(json.dumps(result))
    else:
        print(json.dumps(result["rows"][0]))
    return 0 if all(one["ok"] for one in result["verdict"].values()) else 1


if __name__ == "__main__":
    raise SystemExit(main())
