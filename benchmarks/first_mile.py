"""From a customer's send to acknowledgement, to analysis shown, to suggestions shown.

Real HTTP and WebSocket against a running server: N customers write, one console watches. Each
customer waits for the suggestions, thinks a while (uniform around --think seconds) and writes
again, so that N is the number of conversations going on at once.

    python benchmarks/first_mile.py [--quick] [--json] [--url URL --email E --password P]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import random
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp

sys.path.insert(0, str(Path(__file__).resolve().parent))
from harness import Server, percentile, process_of, server, write_result

CONCURRENCY = (1, 20, 100)
AIMS = {"ack_p95_ms": 50.0, "suggestions_p50_ms": 1500.0, "memory_mb": 1500.0}


@dataclass(slots=True)
class Watch:
    """When the console saw what, by message id."""

    analysed: dict[str, float] = field(default_factory=dict)
    suggested: dict[str, float] = field(default_factory=dict)
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def note(self, event: dict[str, Any]) -> None:
        """Take one live event."""
        now = time.perf_counter()
        if event["type"] == "analysis":
            self.analysed[event["message_id"]] = now
        elif event["type"] == "suggestions" and event.get("suggestion"):
            self.suggested[event["suggestion"]["message_id"]] = now
        async with self.changed:
            self.changed.notify_all()

    async def wait(self, message_id: str, seconds: float = 60) -> None:
        """Until suggestions for a message were shown."""
        async with asyncio.timeout(seconds), self.changed:
            await self.changed.wait_for(lambda: message_id in self.suggested)


@asynccontextmanager
async def console(http: aiohttp.ClientSession, target: Server) -> AsyncIterator[Watch]:
    """A signed-in console that listens."""
    headers = {"X-Deskhand": "1", "Origin": target.url}
    sign_in = {"email": target.email, "password": target.password}
    async with http.post(f"{target.url}/api/session", json=sign_in, headers=headers) as answer:
        answer.raise_for_status()
    watch = Watch()
    async with http.ws_connect(f"{target.url}/api/agent/ws", headers={"Origin": target.url}) as socket:
        await socket.send_json({"type": "hello"})

        async def listen() -> None:
            async for message in socket:
                await watch.note(json.loads(message.data))

        task = asyncio.create_task(listen())
        yield watch
        task.cancel()


async def customer(
    target: Server, watch: Watch, texts: list[str], think: float, out: list[dict[str, float]]
) -> None:
    """One customer's conversation."""
    async with aiohttp.ClientSession() as http:
        async with http.post(f"{target.url}/api/customer/session", json={}) as answer:
            token = (await answer.json())["token"]
        await asyncio.sleep(random.uniform(0, think))
        async with http.ws_connect(f"{target.url}/api/customer/ws", headers={"Origin": target.url}) as socket:
            await socket.send_json({"type": "hello", "token": token, "last_seq": 0})
            heard: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
            # Read all the time, as a browser does: who does not answer a ping is cut off.
            reader = asyncio.create_task(listen(socket, heard))
            for text in texts:
                out.append(await one_message(socket, heard, watch, text))
                await asyncio.sleep(random.uniform(0.5, 1.5) * think)
            reader.cancel()


async def listen(socket: aiohttp.ClientWebSocketResponse, heard: asyncio.Queue[dict[str, Any]]) -> None:
    """Everything that the server says, until it ends."""
    async for message in socket:
        await heard.put(json.loads(message.data))


async def one_message(
    socket: aiohttp.ClientWebSocketResponse,
    heard: asyncio.Queue[dict[str, Any]],
    watch: Watch,
    text: str,
) -> dict[str, float]:
    """Send, wait for acknowledgement and suggestions; milliseconds from the send."""
    key = str(uuid4())
    started = time.perf_counter()
    await socket.send_json({"type": "send", "client_msg_id": key, "text": text})
    while True:
        async with asyncio.timeout(30):
            event = await heard.get()
        if event.get("client_msg_id") == key and event["type"] in ("ack", "error"):
            break
    if event["type"] == "error":
        raise RuntimeError(event["problem"]["title"])
    acknowledged = time.perf_counter()
    await watch.wait(event["id"])
    return {
        "ack": (acknowledged - started) * 1e3,
        "analysis": (watch.analysed[event["id"]] - started) * 1e3,
        "suggestions": (watch.suggested[event["id"]] - started) * 1e3,
    }


def phrasings() -> list[str]:
    """Customers' words from the demo corpus, with plain values."""
    folder = Path(__file__).resolve().parent.parent / "bot" / "demo" / "intents"
    skipped = ("talk_to_person", "suspicious_message", "privacy_request", "account_delete")
    texts = []
    for path in sorted(folder.glob("*.json")):
        if path.stem not in skipped:
            texts += json.loads(path.read_text())["phrasings"]
    return [t.replace("{order_id}", "TT-104823") for t in texts if "{" not in t.replace("{order_id}", "")]


async def measure(target: Server, at_once: int, messages: int, think: float) -> dict[str, Any]:
    """One row: `at_once` customers, `messages` each."""
    rng = random.Random(at_once)
    words = phrasings()
    samples: list[dict[str, float]] = []
    async with (
        aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as http,
        console(http, target) as watch,
    ):
        await asyncio.gather(
            *(customer(target, watch, rng.sample(words, messages), think, samples) for _ in range(at_once))
        )
    row: dict[str, Any] = {"conversations": at_once, "messages": len(samples), "think_s": think}
    for name in ("ack", "analysis", "suggestions"):
        values = [s[name] for s in samples]
        row |= {
            f"{name}_p50_ms": round(percentile(values, 0.5), 1),
            f"{name}_p95_ms": round(percentile(values, 0.95), 1),
        }
    resident = target.resident_megabytes()
    if not math.isnan(resident):  # a server on another machine
        row["server_rss_mb"] = round(resident)
    return row


async def run(arguments: argparse.Namespace) -> dict[str, Any]:
    """All rows, and whether the aims were met."""
    rows = []

    async def rounds(target: Server) -> None:
        await measure(target, 2, 2, 0.2)  # warm-up, not counted
        for at_once in CONCURRENCY:
            messages = (
                {1: 20, 20: 5, 100: 3}[at_once] if not arguments.quick else {1: 6, 20: 2, 100: 1}[at_once]
            )
            rows.append(await measure(target, at_once, messages, arguments.think))
            print(json.dumps(rows[-1]), file=sys.stderr)

    if arguments.url:
        await rounds(Server(arguments.url, arguments.email, arguments.password, process_of(arguments.url)))
    else:
        async with server() as target:
            await rounds(target)
    at_20 = next(r for r in rows if r["conversations"] == 20)
    found = {
        "ack_p95_ms": at_20["ack_p95_ms"],
        "suggestions_p50_ms": at_20["suggestions_p50_ms"],
    }
    if all("server_rss_mb" in row for row in rows):
        found["memory_mb"] = max(row["server_rss_mb"] for row in rows)
    verdict = {k: {"value": v, "aim": AIMS[k], "ok": v <= AIMS[k]} for k, v in found.items()}
    return write_result("first_mile", rows, verdict)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer messages, within two minutes")
    parser.add_argument("--json", action="store_true", help="print the result as one JSON object")
    parser.add_argument("--think", type=float, default=5.0, help="mean seconds between a customer's messages")
    parser.add_argument("--url")
    parser.add_argument("--email", default="admin@demo.example")
    parser.add_argument("--password", default="")
    arguments = parser.parse_args()
    result = asyncio.run(run(arguments))
    if arguments.json:
        print(json.dumps(result))
    else:
        for name, one in result["verdict"].items():
            print(f"{name}: {one['value']} (aim {one['aim']}) {'ok' if one['ok'] else 'MISSED'}")


if __name__ == "__main__":
    main()
