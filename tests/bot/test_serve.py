"""The real server with its own limits: abuse on raw sockets, and a stop in good order."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, web

from bot import serve
from bot.api import routing, sockets
from bot.api.services import SERVICES
from bot.app import build_app
from bot.live import customer_topic
from bot.settings import Settings
from tests.fakes import FakeBrain


@asynccontextmanager
async def running(
    folder: Path, brain: FakeBrain | None = None
) -> AsyncIterator[tuple[web.AppRunner, web.TCPSite]]:
    """A server as `deskhand serve` starts it."""
    used = brain or FakeBrain()
    runner = serve.make_runner(build_app(Settings(data_dir=folder / "data"), load_brain=lambda: used))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield runner, site
    finally:
        await runner.cleanup()


def port_of(runner: web.AppRunner) -> int:
    port: int = runner.addresses[0][1]
    return port


@asynccontextmanager
async def raw(
    runner: web.AppRunner, head: str
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection that has sent the beginning of a request."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port_of(runner))
    try:
        writer.write(head.replace("\n", "\r\n").encode())
        await writer.drain()
        yield reader, writer
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


async def status_of(reader: asyncio.StreamReader) -> int:
    async with asyncio.timeout(10):
        return int((await reader.readline()).split()[1])


async def test_a_body_that_drips_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routing, "BODY_SECONDS", 0.2)
    head = (
        "POST /api/customer/session HTTP/1.1\nHost: x\n"
        "Content-Type: application/json\nContent-Length: 99\n\n{"
    )
    async with running(tmp_path) as (runner, _), raw(runner, head) as (reader, _writer):
        assert await status_of(reader) == 408


async def test_a_peer_that_hangs_up_in_its_body_is_no_failure_of_ours(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    head = (
        "POST /api/customer/session HTTP/1.1\nHost: x\n"
        "Content-Type: application/json\nContent-Length: 99\n\n{"
    )
    async with running(tmp_path) as (runner, _):
        async with raw(runner, head) as (_reader, _writer):
            await asyncio.sleep(0.1)
        await asyncio.sleep(0.1)
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


async def test_an_endless_body_is_cut_off(tmp_path: Path) -> None:
    head = (
        "POST /api/customer/session HTTP/1.1\nHost: x\n"
        "Content-Type: application/json\nTransfer-Encoding: chunked\n\n"
    )
    chunk = b"10000\r\n" + b" " * 65536 + b"\r\n"
    async with running(tmp_path) as (runner, _), raw(runner, head) as (_reader, writer):
        # What comes after the 413 is read for two seconds, then the connection is closed.
        with pytest.raises(ConnectionError):
            async with asyncio.timeout(10):
                while True:
                    writer.write(chunk)
                    await writer.drain()


async def test_a_compressed_body_is_not_unpacked(tmp_path: Path) -> None:
    async with running(tmp_path) as (runner, _), ClientSession() as client:
        headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
        url = f"http://127.0.0.1:{port_of(runner)}/api/customer/session"
        response = await client.post(url, data=b"\x1f\x8b" + b"\0" * 40, headers=headers)
        assert response.status == 415


@pytest.mark.parametrize(
    "head",
    [
        "GET / HTTP/1.1\nHost: x\nA: " + "x" * 9_000 + "\n\n",
        "GET /" + "x" * 9_000 + " HTTP/1.1\nHost: x\n\n",
        "GET / HTTP/1.1\nHost: x\nContent-Length: 1\nTransfer-Encoding: chunked\n\n",
        "NONSENSE\n\n",
        "GET / HTTP/1.1\nHost: x\nBad Header: 1\n\n",
    ],
)
async def test_broken_requests_are_refused(tmp_path: Path, head: str) -> None:
    async with running(tmp_path) as (runner, _), raw(runner, head) as (reader, _writer):
        assert await status_of(reader) == 400


async def test_a_peer_that_never_reads_is_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "SEND_SECONDS", 0.2)
    async with running(tmp_path) as (runner, _), ClientSession() as client:
        desk = runner.app[SERVICES]
        base = f"127.0.0.1:{port_of(runner)}"
        made = await (await client.post(f"http://{base}/api/customer/session", json={})).json()
        key = base64.b64encode(b"0" * 16).decode()
        head = (
            f"GET /api/customer/ws HTTP/1.1\nHost: {base}\nUpgrade: websocket\nConnection: Upgrade\n"
            f"Sec-WebSocket-Version: 13\nSec-WebSocket-Key: {key}\n\n"
        )
        hello = json.dumps({"type": "hello", "token": made["token"], "last_seq": 0}).encode()
        topic = customer_topic(made["customer_id"])
        async with raw(runner, head) as (_reader, writer), asyncio.timeout(15):
            writer.write(bytes([0x81, 0x80 | len(hello)]) + b"\0\0\0\0" + hello)
            while desk.live.readers == 0:
                await asyncio.sleep(0.01)
            while desk.limits.sockets.total:
                desk.live.publish(topic, {"type": "typing", "pad": "x" * 60_000})
                await asyncio.sleep(0.002)
        assert "deskhand_sockets_dropped_total 1.0" in desk.metrics.text().decode()


async def test_a_stop_ends_in_good_order_with_open_sockets_and_running_work(tmp_path: Path) -> None:
    brain = FakeBrain()
    brain.delay = 0.3
    async with running(tmp_path, brain) as (runner, site), ClientSession() as client:
        base = f"http://127.0.0.1:{port_of(runner)}"
        made = await (await client.post(f"{base}/api/customer/session", json={})).json()
        ws = await client.ws_connect(f"{base}/api/customer/ws")
        await ws.send_json({"type": "hello", "token": made["token"]})
        await ws.receive_json()
        await ws.send_json({"type": "send", "client_msg_id": "m-1", "text": "Where is my order?"})
        while (await ws.receive_json())["type"] != "ack":
            pass
        stopping = asyncio.create_task(serve.stop(runner, site, drain_seconds=0.3))
        await asyncio.sleep(0.1)
        assert (await client.get(f"{base}/ready")).status == 503
        async with asyncio.timeout(10):
            while not (await ws.receive()).type.name.startswith("CLOS"):
                pass
        assert ws.close_code == 1001
        async with asyncio.timeout(20):
            await stopping
        with pytest.raises(OSError):
            await client.get(f"{base}/health")


@pytest.fixture(autouse=True)
def no_watchdog(monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread that ends the process would end the tests."""

    def harmless(seconds: Any) -> None:
        assert 0 < seconds <= 25

    monkeypatch.setattr(serve, "_leave_at_the_latest", harmless)
