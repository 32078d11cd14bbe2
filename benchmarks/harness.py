"""What all benchmarks share: a server to measure, the machine's description, and the result file."""

from __future__ import annotations

import asyncio
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import psutil

RESULTS = Path(__file__).parent / "results"
EMAIL = "bench@demo.example"


@dataclass(frozen=True, slots=True)
class Server:
    """A running server; `process` is None where somebody else started it."""

    url: str
    email: str
    password: str
    process: psutil.Process | None

    def resident_megabytes(self) -> float:
        """Resident memory of the server and its children, MB."""
        if self.process is None:
            return float("nan")
        family = [self.process, *self.process.children(recursive=True)]
        return sum(p.memory_info().rss for p in family) / 1e6


def process_of(url: str) -> psutil.Process | None:
    """The process on this machine that listens where a URL points; None for one elsewhere."""
    found = urlsplit(url)
    if found.hostname not in ("localhost", "127.0.0.1", "::1"):
        return None
    port = found.port or {"http": 80, "https": 443}[found.scheme]
    listening = (c for c in psutil.net_connections("tcp") if c.status == psutil.CONN_LISTEN)
    return next((psutil.Process(c.pid) for c in listening if c.laddr.port == port and c.pid), None)


@asynccontextmanager
async def server(port: int = 8099) -> AsyncIterator[Server]:
    """Start `deskhand serve --demo` on an empty data folder, wait until its models are loaded."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {
            **os.environ,
            "DESKHAND_DATA_DIR": folder,
            "DESKHAND_SOCKETS_PER_ADDRESS": "1000",
            "DESKHAND_VISITORS_PER_MINUTE": "6000",
        }
        command = [sys.executable, "-m", "bot.cli", "serve", "--demo", "--port", str(port)]
        process = subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        try:
            await ready(f"http://127.0.0.1:{port}")
            assert process.stdout is not None
            email, password = _credentials(process.stdout)
            yield Server(f"http://127.0.0.1:{port}", email, password, psutil.Process(process.pid))
        finally:
            process.terminate()
            process.wait(30)


def _credentials(lines: Any) -> tuple[str, str]:
    email = ""
    for line in lines:
        if found := re.search(r"(\S+@demo\.example)", line):
            email = found[1]
        if found := re.search(r"[Pp]assword:?\s+(\S+)", line):
            return email or EMAIL, found[1]
    raise RuntimeError("the server printed no password")


async def ready(url: str, seconds: float = 240) -> None:
    async with aiohttp.ClientSession() as http:
        for _ in range(int(seconds * 2)):
            try:
                async with http.get(f"{url}/ready") as answer:
                    if answer.status == 200:
                        return
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.5)
    raise TimeoutError(f"{url} was not ready within {seconds:.0f} s")


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which `share` (0..1) of the values lie; nan for none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    model = next(
        (
            line.split(":", 1)[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if "model name" in line
        ),
        platform.processor(),
    )
    return {
        "cpu": model,
        "cores": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9),
        "python": platform.python_version(),
    }


def write_result(
    claim: str, rows: Sequence[Mapping[str, Any]], verdict: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """Keep a result as benchmarks/results/<claim>.json and return it."""
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True
    ).stdout.strip()
    result = {
        "claim": claim,
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "commit": commit,
        "machine": machine(),
        "rows": list(rows),
        "verdict": dict(verdict),
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{claim}.json").write_text(json.dumps(result, indent=1) + "\n")
    return result


def kept_rows(claim: str, key: str, again: Sequence[str]) -> list[dict[str, Any]]:
    """Rows of the kept result but those whose `key` is measured again; read as late as possible."""
    path = RESULTS / f"{claim}.json"
    rows = json.loads(path.read_text())["rows"] if path.exists() else []
    return [row for row in rows if row[key] not in again]


def told(result: Mapping[str, Any], as_json: bool) -> int:
    """Print a result as one object or row by row; the exit status of a benchmark."""
    if as_json:
        print(json.dumps(result))
    else:
        for row in result["rows"]:
            print(row)
    return 0


def say(*words: object) -> None:
    """A line for the person who waits."""
    print(*words, file=sys.stderr, flush=True)
