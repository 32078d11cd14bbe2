"""Versions swapped while customers write: 20 promotions and roll-backs under 20 messages a second.

A real server on a shop of 40 past conversations and two published versions, both the starter's weights, the
second with another score, so that each candidate tells by its score and features which version made it.
Customers post at a fixed rate whether or not answers come; an admin promotes the second version and rolls
back, again and again. Then every stored suggestion is held against the version that it names: all its
candidates must bear that version's score, its message's reading the same name, and it must have served
when the work began. Not all messages can be drafted for at this rate: what was overtaken by the customer's
next message, or still waits at the end, is counted apart.

    python benchmarks/swaps.py [--quick] [--json]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp
import numpy as np
import psutil

sys.path.insert(0, str(Path(__file__).resolve().parent))
from first_mile import phrasings
from harness import Server, percentile, ready, say, told, write_result

from bot import demo_shop
from bot.cli_users import add_account
from nlp.ranking import Features, Ranker
from nlp.registry import STARTER_FOLDER, Registry
from storage import conversations, knowledge
from storage.database import Database

PORT = 8096
URL = f"http://127.0.0.1:{PORT}"
RATE, VISITORS, PAST = 20.0, 3_000, 40
EMAIL, PASSWORD = "bench@demo.example", "correct-horse-battery"
NAMES = ("2026-11-29-1", "2026-11-29-2")
PAUSE = 2.0
"""Seconds between two swaps."""
DRAIN = 20.0
"""Seconds after the load in which what waits may still be worked off."""
LEASED = 2.0
"""Seconds after the begin of the work within which its version was surely chosen."""
SAME_SCORE = 1e-4
PATIENCE = 60.0
"""Seconds that a customer waits for an acknowledgement."""


@dataclass(slots=True)
class Load:
    """What the customers were told."""

    acknowledged: int = 0
    failures: list[str] = field(default_factory=list)
    retries: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)


@dataclass(slots=True)
class Swaps:
    """When which version was asked for and served: (name, asked, answered), times of the clock."""

    done: list[tuple[str, float, float]] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def serving(self, at: float) -> set[str]:
        """The versions that may have been given to work that began then."""
        found = set()
        for number, (name, asked, _) in enumerate(self.done):
            following = self.done[number + 1 : number + 2]
            until = following[0][2] if following else float("inf")
            if asked <= at + LEASED and at <= until:
                found.add(name)
        return found


def publish(folder: Path) -> dict[str, Ranker]:
    """Two versions with the same weights and different scores; the first one is current."""
    registry = Registry(folder / "models")
    scores = {}
    with tempfile.TemporaryDirectory() as name:
        made = Path(name, "made")
        shutil.copytree(STARTER_FOLDER, made)
        (made / "manifest.json").unlink()
        for number, version in enumerate(NAMES):
            score = Ranker.load(made / "reply")
            if number:
                score = Ranker(
                    0.6 * score._weights, score._bias - 0.3, np.stack([score._mean, score._spread])
                )
                score.save(made / "reply")
            registry.publish(version, made, {})
            scores[version] = Ranker.load(registry.get(version).reply)
    registry.promote(NAMES[0])
    return scores


async def stock(folder: Path) -> None:
    """An admin, the demo shop's facts, and some of its past conversations."""
    db = await Database.open(f"sqlite+aiosqlite:///{folder / 'deskhand.sqlite3'}")
    await add_account(db, email=EMAIL, name="Bench", role="admin", password=PASSWORD)
    shop = demo_shop.read_shop()
    await db.write(lambda tx: knowledge.put_facts(tx, shop.facts))
    past = random.Random(1).sample(list(demo_shop.read_past(shop)), PAST)
    for one in past:
        turns = [("agent" if at % 2 else "customer", text, None) for at, text in enumerate(one.turns)]
        await db.write(
            lambda tx, o=one, t=turns: conversations.import_conversation(tx, external_id=o.id, turns=t)
        )
    await db.close()


async def one_message(http: aiohttp.ClientSession, token: str, text: str, load: Load) -> None:
    """Post until it is acknowledged, under one client message id, as the widget does.

    A line that broke is counted and tried again; a refusal, or none in time, is a failure.
    """
    began = time.perf_counter()
    body = {"client_msg_id": str(uuid4()), "text": text}
    headers = {"Authorization": f"Bearer {token}"}
    while time.perf_counter() - began < PATIENCE:
        try:
            async with http.post(f"{URL}/api/customer/messages", json=body, headers=headers) as answer:
                if answer.status in (200, 201):
                    load.acknowledged += 1
                    load.seconds.append(time.perf_counter() - began)
                else:
                    load.failures.append(f"message: {answer.status}")
                return
        except aiohttp.ClientConnectionError as error:
            load.retries.append(f"{type(error).__name__}: {error}")
            await asyncio.sleep(0.2)
        except TimeoutError:
            break
    load.failures.append("message: not acknowledged in time")


async def arrived(http: aiohttp.ClientSession) -> list[str]:
    """Tokens of as many visitors that each writes seldom: who writes again overtakes their own message."""
    at_once = asyncio.Semaphore(10)

    async def one() -> str:
        async with at_once, http.post(f"{URL}/api/customer/session", json={}) as answer:
            return str((await answer.json())["token"])

    return await asyncio.gather(*(one() for _ in range(VISITORS)))


async def customers(http: aiohttp.ClientSession, tokens: list[str], load: Load, stop: asyncio.Event) -> None:
    """Messages by the clock, whether or not the ones before were answered; each visitor in turn."""
    rng, words = random.Random(2), phrasings()
    due, number = time.monotonic(), 0
    tasks: set[asyncio.Task[None]] = set()
    while not stop.is_set():
        task = asyncio.create_task(one_message(http, tokens[number % len(tokens)], rng.choice(words), load))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        number, due = number + 1, due + 1 / RATE
        await asyncio.sleep(max(0.0, due - time.monotonic()))
    await asyncio.gather(*tasks)


async def swap(http: aiohttp.ClientSession, number: int, swaps: Swaps) -> None:
    """Promote the second version, or roll back to the first."""
    path, body = ("rollback", {}) if number % 2 else ("promote", {"version": NAMES[1]})
    wanted, asked = NAMES[(number + 1) % 2], time.time()
    async with http.post(
        f"{URL}/api/admin/models/{path}", json=body, timeout=aiohttp.ClientTimeout(total=300)
    ) as answer:
        found = await answer.json()
    if answer.status != 200 or found["version"]["version"] != wanted:
        swaps.failures.append(f"{path}: {answer.status} {found.get('detail', '')}")
        return
    swaps.done.append((wanted, asked, time.time()))


async def settled(target: Server) -> float:
    """Resident memory, the least of ten looks: for a moment after a swap there are two brains."""
    looks = []
    for _ in range(10):
        looks.append(target.resident_megabytes())
        await asyncio.sleep(0.5)
    return min(looks)


def judged(database: Path, scores: dict[str, Ranker], swaps: Swaps) -> dict[str, Any]:
    """Every stored suggestion against the version that it names."""
    with sqlite3.connect(database) as connection:
        connection.row_factory = sqlite3.Row
        rows = connection.execute(
            "SELECT s.id, s.model_version, s.latency_ms, s.created_at, m.at, a.model_version AS reader"
            " FROM suggestions s JOIN messages m ON m.id = s.message_id"
            " LEFT JOIN analyses a ON a.message_id = s.message_id"
        ).fetchall()
        drafts: dict[Any, list[tuple[float, Features]]] = {}
        for one in connection.execute("SELECT suggestion_id, score, features FROM candidates"):
            features = Features(**json.loads(one["features"]))
            drafts.setdefault(one["suggestion_id"], []).append((one["score"], features))
        waiting = connection.execute("SELECT count(*) FROM work").fetchone()[0]
        integrity = connection.execute("PRAGMA integrity_check").fetchone()[0]
    found = {"drafted": 0, "overtaken": 0, "given_up": 0, "mixed": 0, "not_serving": 0, "telling": 0}
    seconds = []
    for row in rows:
        created = datetime.fromisoformat(row["created_at"]).replace(tzinfo=UTC).timestamp()
        version, made = row["model_version"], drafts.get(row["id"], [])
        found["given_up"] += version == "none"
        if version == "none":
            continue
        found["not_serving"] += version not in swaps.serving(created - row["latency_ms"] / 1e3)
        found["mixed"] += row["reader"] != version or not fits(scores[version], made)
        found["overtaken"] += not made
        if made:
            found["drafted"] += 1
            other = NAMES[version == NAMES[0]]
            found["telling"] += not fits(scores[other], made[:1])
            asked = datetime.fromisoformat(row["at"]).replace(tzinfo=UTC).timestamp()
            seconds.append(created - asked)
    return {
        **found,
        "waiting": waiting,
        "suggestion_p50_s": round(percentile(seconds, 0.5), 1),
        "suggestion_p95_s": round(percentile(seconds, 0.95), 1),
        "integrity_errors": int(integrity != "ok"),
    }


def fits(score: Ranker, made: list[tuple[float, Features]]) -> bool:
    """Are these candidates' scores what this ranker says of their features?"""
    if not made:
        return True
    said = score.scores([features for _, features in made])
    return all(abs(float(a) - b) < SAME_SCORE for a, (b, _) in zip(said, made, strict=True))


async def measured(folder: Path, target: Server, count: int, scores: dict[str, Ranker]) -> dict[str, Any]:
    """The load and the swaps; memory before, half way and at the end."""
    load, swaps = Load(), Swaps([(NAMES[0], 0.0, 0.0)])
    headers = {"X-Deskhand": "1", "Origin": URL}
    jar = aiohttp.CookieJar(unsafe=True)
    timeout = aiohttp.ClientTimeout(total=PATIENCE)
    async with (
        aiohttp.ClientSession(timeout=timeout, connector=aiohttp.TCPConnector(limit=0)) as visitors,
        aiohttp.ClientSession(headers=headers, cookie_jar=jar) as admin,
    ):
        sign_in = {"email": EMAIL, "password": PASSWORD}
        async with admin.post(f"{URL}/api/session", json=sign_in) as answer:
            answer.raise_for_status()
        tokens = await arrived(visitors)
        stop = asyncio.Event()
        writing = asyncio.create_task(customers(visitors, tokens, load, stop))
        await asyncio.sleep(10)  # warm, and under load
        began, memory = time.monotonic(), [await settled(target)]
        for number in range(count):
            await swap(admin, number, swaps)
            await asyncio.sleep(PAUSE)
            if number + 1 in (count // 2, count):
                memory.append(await settled(target))
            say(f"swap {number + 1}: {swaps.done[-1][2] - swaps.done[-1][1]:.1f} s,",
                f"{load.acknowledged} acknowledged, {target.resident_megabytes():.0f} MB")  # fmt: skip
        seconds = time.monotonic() - began
        stop.set()
        await writing
        await asyncio.sleep(DRAIN)
        memory.append(await settled(target))
    assert target.process is not None
    await asyncio.to_thread(_ended, target.process)
    for what in sorted({*load.failures, *load.retries, *swaps.failures}):
        say("went wrong:", what)
    took = [answered - asked for _, asked, answered in swaps.done[1:]]
    return {
        "swaps": len(took),
        "seconds": round(seconds),
        "swap_p50_s": round(percentile(took, 0.5), 1),
        "swap_max_s": round(max(took, default=0.0), 1),
        "per_second": round(load.acknowledged / (seconds + 10), 1),
        "acknowledged": load.acknowledged,
        "failed": len(load.failures) + len(swaps.failures),
        "retried": len(load.retries),
        "ack_p50_ms": round(percentile(load.seconds, 0.5) * 1e3, 1),
        "ack_p95_ms": round(percentile(load.seconds, 0.95) * 1e3, 1),
        **judged(folder / "deskhand.sqlite3", scores, swaps),
        **dict(zip(("mb_before", "mb_half_way", "mb_after", "mb_idle"), map(round, memory), strict=True)),
    }


def _ended(process: psutil.Process) -> None:
    process.terminate()
    process.wait(60)


async def run(count: int) -> dict[str, Any]:
    """A server on a stocked folder, then the measuring."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        scores = publish(folder)
        await stock(folder)
        environment = {
            **os.environ,
            "DESKHAND_DATA_DIR": name,
            "DESKHAND_VISITORS_PER_MINUTE": "100000",
            "DESKHAND_TRAINS": "no",
        }
        with Path(name, "log").open("w") as errors:
            process = subprocess.Popen(
                [sys.executable, "-m", "bot.cli", "serve", "--port", str(PORT)],
                env=environment, stdout=subprocess.DEVNULL, stderr=errors,
            )  # fmt: skip
        try:
            await ready(URL, seconds=600)
            row = await measured(
                folder, Server(URL, EMAIL, PASSWORD, psutil.Process(process.pid)), count, scores
            )
        finally:
            process.terminate()
            process.wait(60)
    aims = {"failed": 0, "mixed": 0, "not_serving": 0, "given_up": 0, "integrity_errors": 0}
    verdict = {key: {"value": row[key], "aim": aim, "ok": row[key] == aim} for key, aim in aims.items()}
    # Brains that left are gone; half way, messages that wait may still hold one or two.
    most = round(1.1 * row["mb_before"])
    verdict["mb_after"] = {"value": row["mb_after"], "aim": most, "ok": row["mb_after"] <= most}
    if not row["drafted"] or row["telling"] < 0.9 * row["drafted"]:
        verdict["telling"] = {"value": row["telling"], "aim": row["drafted"], "ok": False}
    return write_result("swaps", [row], verdict)


def main() -> int:
    """Command line; exit 1 where something failed or was mixed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="four swaps, within two minutes")
    parser.add_argument("--json", action="store_true", help="print the result as one JSON object")
    arguments = parser.parse_args()
    result = asyncio.run(run(4 if arguments.quick else 20))
    told(result, arguments.json)
    return 0 if all(one["ok"] for one in result["verdict"].values()) else 1


if __name__ == "__main__":
    raise SystemExit(main())
