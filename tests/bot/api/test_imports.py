"""Uploads of transcripts over the api, from the file to the log; on both kinds of database."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import io
import json
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from aiohttp import ClientError

from bot import intake
from bot.api import imports as door
from storage.exports import every, exported
from storage.transcripts import lines
from tests.bot.api.desk import Desk, open_desk

ROOT = Path(__file__).parent.parent.parent.parent
PAYLOADS = ROOT / "tests" / "payloads"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "TICK", 0.05)
    monkeypatch.setattr(intake, "LOOK", 0.05)


@asynccontextmanager
async def open_admin(folder: Path, url: str, **settings: Any) -> AsyncIterator[Admin]:
    async with open_desk(folder, database_url=url, **settings) as desk:
        yield Admin(desk, await desk.signed_in("admin"))


@pytest.fixture
async def admin(tmp_path: Path, house_url: str) -> AsyncIterator[Admin]:
    async with open_admin(tmp_path, house_url) as opened:
        yield opened


class Admin:
    """An admin before the page of data."""

    def __init__(self, desk: Desk, headers: dict[str, str]) -> None:
        self.desk, self.headers = desk, headers

    @property
    def folder(self) -> Path:
        return self.desk.services.intake.folder

    def files(self) -> list[str]:
        return sorted(path.name for path in self.folder.iterdir()) if self.folder.exists() else []

    async def asks(self, method: str, path: str, body: Any = None, status: int = 200) -> Any:
        more = {} if method == "GET" else {"json": body or {}}
        return await self.desk.json(method, path, headers=self.headers, status=status, **more)

    async def sends(self, content: Any, query: str = "name=a.jsonl", status: int = 201, **more: str) -> Any:
        headers = {**self.headers, "Content-Type": "application/octet-stream", **more}
        data = io.BytesIO(content) if isinstance(content, bytes) else content
        return await self.desk.json(
            "POST", f"/api/admin/imports?{query}", headers=headers, data=data, status=status
        )

    async def uploads(self, content: Any, query: str = "name=a.jsonl") -> str:
        """An upload; its id."""
        made = await self.sends(content, query)
        return str(made["upload"]["id"])

    async def step(self, one: str, what: str, body: Any = None, status: int = 200) -> Any:
        return await self.asks("POST", f"/api/admin/imports/{one}/{what}", body, status)

    async def reads(self, one: str) -> Any:
        listed = await self.asks("GET", "/api/admin/imports")
        return next(item for item in listed["items"] if item["id"] == one)

    async def waits(self, one: str, enough: Callable[[Any], bool] | None = None) -> Any:
        """The upload, once it is at rest, or as far as is asked for."""
        rest = enough or (lambda now: now["state"] not in ("surveying", "running"))
        async with asyncio.timeout(60):
            while not rest(found := await self.reads(one)):
                await asyncio.sleep(0.02)
        return found

    async def log(self) -> Any:
        return await self.asks("GET", "/api/admin/data")

    async def actions(self) -> list[str]:
        entries = await self.asks("GET", "/api/admin/audit")
        return [one["action"] for one in reversed(entries["items"]) if one["action"].startswith("import")]


def many(count: int) -> bytes:
    """Conversations that differ in a number."""
    rows = []
    for number in range(count):
        asked = {"role": "customer", "text": f"Where is my parcel number {number}, please?"}
        told = {"role": "agent", "text": f"Parcel {number} comes tomorrow."}
        rows.append(json.dumps({"conversation_id": str(number), "turns": [asked, told]}))
    return "\n".join(rows).encode()


async def test_a_file_is_surveyed_read_and_imported_without_its_broken_rows(admin: Admin) -> None:
    content = (PAYLOADS / "broken.jsonl").read_bytes()
    made = (await admin.sends(content, "name=broken.jsonl"))["upload"]
    assert (made["state"], made["name"], made["by"]) == ("surveying", "broken.jsonl", "Admin")
    assert (made["size"], made["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())
    found = await admin.waits(made["id"])
    assert (found["state"], found["format"], found["error"]) == ("surveyed", "uniform", None)
    report = found["report"]
    assert (report["conversations"], report["new"], report["broken"]["count"]) == (2, 2, 3)
    assert report["broken"]["rows"][0] == {
        "file": "broken.jsonl",
        "place": "line 2",
        "reason": 'every turn needs a "role" that is "customer" or "agent"',
    }
    assert (await admin.log())["conversations"] == 0, "nothing is stored before an admin says so"
    await admin.step(made["id"], "start")
    failed = await admin.waits(made["id"])
    assert (failed["state"], failed["imported"], failed["kept"]) == ("failed", 1, True)
    assert failed["error"].startswith("line 2: every turn needs") and "--" not in failed["error"]
    await admin.step(made["id"], "start", {"skip_broken": True})
    done = await admin.waits(made["id"])
    assert (done["state"], done["imported"], done["kept"], done["expires_at"]) == ("done", 2, False, None)
    assert (await admin.log())["imported"] == 2
    async with asyncio.timeout(10):
        while admin.files():
            await asyncio.sleep(0.02)
    assert await admin.actions() == [
        "import_uploaded",
        "import_surveyed",
        "import_started",
        "import_failed",
        "import_started",
        "import_done",
    ]


async def test_the_log_is_told_by_what_models_may_learn_from(admin: Admin) -> None:
    one = await admin.uploads((PAYLOADS / "uniform.jsonl").read_bytes(), "name=uniform.jsonl")
    await admin.waits(one)
    await admin.step(one, "start")
    await admin.waits(one)
    visitor = await admin.desk.visitor()
    await visitor.says("Hello?")
    told = await admin.log()
    assert told["conversations"] == 6 and told["imported"] == 5
    assert told["eligible"] + sum(told["not_eligible"].values()) == 6
    assert told["not_eligible"] == {"no_consent": 1, "no_agent_reply": 2}


async def test_a_tables_columns_are_told_after_the_upload(admin: Admin) -> None:
    table = "nr;who;words\n1;Martian;Where is my lamp, please?\n1;Rep;It comes tomorrow.\n"
    one = await admin.uploads(table.encode(), "name=chats.csv")
    found = await admin.waits(one)
    assert found["state"] == "failed" and "which column is the conversation?" in found["error"]
    head = await admin.asks("GET", f"/api/admin/imports/{one}")
    assert head["head"] == [
        ["nr", "who", "words"],
        ["1", "Martian", "Where is my lamp, please?"],
        ["1", "Rep", "It comes tomorrow."],
    ]
    await admin.step(one, "start", status=409)
    columns = {"conversation": "nr", "role": "who", "text": "words"}
    told = {"columns": columns, "roles": {"Martian": "customer", "Rep": "agent"}, "source": "old"}
    await admin.asks("PUT", f"/api/admin/imports/{one}/reading", told)
    found = await admin.waits(one)
    assert (found["state"], found["report"]["eligible"]) == ("surveyed", 1)
    await admin.step(one, "start")
    assert (await admin.waits(one))["imported"] == 1
    stored = [one async for one in every(admin.desk.services.db, exported)]
    assert [one.external_id for one in stored] == ["old:1"]
    assert [turn.role for turn in stored[0].turns] == ["customer", "agent"]
    assert (await admin.asks("GET", f"/api/admin/imports/{one}"))["head"] is None, "gone with the file"


async def test_a_mapping_may_come_with_the_file(admin: Admin) -> None:
    told = quote(json.dumps({"text": "Body", "Martian": "customer"}))
    content = (PAYLOADS / "table.csv").read_bytes()
    one = await admin.uploads(content, f"name=table.csv&format=table&mapping={told}")
    assert (await admin.waits(one))["report"]["new"] == 3
    for wrong in ("[1]", "{", '{"colour": "red"}', '{"text": 5}', "[" * 2_000):
        said = await admin.sends(content, f"name=table.csv&mapping={quote(wrong)}", status=422)
        assert "The mapping must be a JSON object" in said["detail"]


@pytest.mark.parametrize(
    ("content", "query", "status", "said"),
    [
        (b"", "name=a.jsonl", 422, "empty"),
        (b"PK\x03\x04 and more", "name=a.xlsx", 422, "save the table as CSV"),
        (b"x" * ((1 << 20) + 1), "name=a.jsonl", 413, "larger than 1 MiB"),
        (b"{}", "name=a.jsonl&format=pdf", 422, "missing or wrong"),
        (b"{}", "name=", 422, "missing or wrong"),
        (b"{}", "", 422, "missing or wrong"),
        (b"{}", "name=a%00b", 422, "missing or wrong"),
    ],
)
async def test_what_is_no_file_of_transcripts_is_refused_and_not_kept(
    tmp_path: Path, house_url: str, content: bytes, query: str, status: int, said: str
) -> None:
    async with open_admin(tmp_path, house_url, import_megabytes=1) as admin:
        told = await admin.sends(content, query, status)
        assert said in told["detail"]
        assert admin.files() == [] and (await admin.asks("GET", "/api/admin/imports"))["items"] == []


async def test_a_stream_of_unknown_length_is_measured_as_it_comes(tmp_path: Path, house_url: str) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(64):
            yield b"x" * (1 << 16)

    async with open_admin(tmp_path, house_url, import_megabytes=1) as admin:
        # refused while it is still sending, which this client may take for a broken line
        with suppress(ClientError):
            assert (await admin.sends(endless(), status=413))["code"] == "body-too-large"
        assert admin.files() == []


async def test_a_form_or_a_packed_body_is_no_file(admin: Admin) -> None:
    for more in ({"Content-Type": "multipart/form-data"}, {"Content-Encoding": "gzip"}):
        headers = {**admin.headers, "Content-Type": "application/octet-stream", **more}
        response = await admin.desk.call(
            "POST", "/api/admin/imports?name=a.jsonl", headers=headers, data=b"{}", compress=False
        )
        assert response.status in (400, 415), await response.text()
    assert admin.files() == []


async def test_an_upload_that_comes_to_a_halt_is_given_up(
    admin: Admin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door, "IDLE_SECONDS", 0.2)

    async def halting() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.sleep(20)

    with suppress(ClientError):
        await admin.sends(halting(), status=408)
    async with asyncio.timeout(10):
        while admin.files():
            await asyncio.sleep(0.02)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\ada\\chats.jsonl", "chats.jsonl"),
        ("/", "upload"),
        ("..", "upload"),
        ("a\u202egnp.jsonl\n", "agnp.jsonl"),
        ("x" * 400 + ".jsonl.gz", "x" * 111 + ".jsonl.gz"),
    ],
)
async def test_a_name_is_a_name_and_never_a_path(admin: Admin, given: str, kept: str) -> None:
    made = (await admin.sends(many(1), f"name={quote(given, safe='')}&format=uniform"))["upload"]
    assert made["name"] == kept
    assert admin.files() == [made["id"]]
    assert (await admin.waits(made["id"]))["state"] == "surveyed"


@pytest.mark.parametrize(
    ("content", "name", "said"),
    [
        (b"just some words\n" * 3, "a.jsonl", "no conversation in it"),
        (b'{"hello": 1}\n', "a.jsonl", "its format is not known (its rows have: hello)"),
        (b"one column\n1\n", "a.csv", "names of columns between commas were expected"),
        (b"\x1f\x8bnot gzip at all", "a.jsonl.gz", "can't be read"),
        (gzip.compress(many(200))[:-40], "a.jsonl.gz", "can't be read"),
        (b"[" + many(40).replace(b"\n", b",")[:-9], "a.json", "not JSON"),
        ("a,b\n".encode("utf-16")[:-1], "a.csv", "not a table from here on"),
    ],
)
async def test_a_file_that_can_not_be_read_says_why_and_is_kept_for_another_try(
    admin: Admin, content: bytes, name: str, said: str
) -> None:
    one = await admin.uploads(content, f"name={name}")
    found = await admin.waits(one)
    assert (found["state"], found["kept"]) == ("failed", True)
    assert found["error"].startswith(name) and said in found["error"] and "--" not in found["error"]
    await admin.asks("DELETE", f"/api/admin/imports/{one}")
    assert admin.files() == []


async def test_rows_that_are_not_utf8_are_told_by_their_lines(admin: Admin) -> None:
    content = many(1) + '\n{"conversation_id": "ü"}\n'.encode("latin-1") + many(1)
    found = await admin.waits(await admin.uploads(content))
    rows = found["report"]["broken"]["rows"]
    assert [(row["place"], row["reason"]) for row in rows] == [
        ("line 2", "not UTF-8; save the file as UTF-8")
    ]


async def test_a_huge_line_is_told_and_passed_over(admin: Admin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "LONGEST_LINE", 1 << 20)
    huge = json.dumps({"conversation_id": "h", "turns": [{"role": "agent", "text": "x" * (3 << 20)}]})
    content = gzip.compress(many(1) + b"\n" + huge.encode() + b"\n" + many(2))
    found = await admin.waits(await admin.uploads(content, "name=a.jsonl.gz"))
    assert [row["place"] for row in found["report"]["broken"]["rows"]] == ["line 2"]
    assert "longer than 1 MiB" in found["report"]["broken"]["rows"][0]["reason"]
    assert found["report"]["conversations"] == 3


async def test_what_unpacks_to_far_too_much_is_refused(tmp_path: Path, house_url: str) -> None:
    async with open_admin(tmp_path, house_url, import_megabytes=1) as admin:
        bomb = gzip.compress(many(1) + b"\n" * (12 << 20))
        assert len(bomb) < 1 << 17
        found = await admin.waits(await admin.uploads(bomb, "name=a.jsonl.gz"))
        assert found["state"] == "failed" and "it unpacks to more than 10 MiB" in found["error"]


async def test_two_at_once_are_read_one_after_the_other(admin: Admin) -> None:
    ids = await asyncio.gather(*(admin.uploads(many(n)) for n in (40, 50)))
    found = [await admin.waits(one) for one in ids]
    assert [one["report"]["conversations"] for one in found] == [40, 50]
    for one in ids:
        await admin.step(one, "start")
    done = [await admin.waits(one) for one in ids]
    assert [one["state"] for one in done] == ["done", "done"]
    assert sum(one["imported"] for one in done) == 50 == (await admin.log())["imported"]


async def test_an_import_is_cancelled_in_the_middle_and_goes_on(
    admin: Admin, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = await admin.uploads(many(600))
    await admin.waits(one)
    await admin.step(one, "start")
    now = await admin.waits(one, lambda now: now["imported"] > 0)
    assert now["working"] and now["state"] == "running"
    said = await admin.asks("DELETE", f"/api/admin/imports/{one}", status=409)
    assert said["detail"] == "This file is being read; cancel that first."
    await admin.step(one, "cancel")
    found = await admin.waits(one)
    assert found["state"] == "cancelled" and 0 < found["imported"] < 600 and found["kept"]
    assert (await admin.log())["imported"] == found["imported"], "the count is the truth"
    await admin.step(one, "start")
    done = await admin.waits(one)
    assert (done["state"], done["imported"]) == ("done", 600)


async def test_a_survey_is_cancelled(admin: Admin) -> None:
    one = await admin.uploads(many(1_500))
    await admin.waits(one, lambda now: now["working"])
    await admin.step(one, "cancel")
    found = await admin.waits(one)
    assert (found["state"], found["report"]) == ("cancelled", None)
    await admin.step(one, "cancel", status=409)


async def test_an_import_whose_server_was_stopped_goes_on_after_the_next_start(
    tmp_path: Path, house_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "LOST_SECONDS", 0.5)
    async with open_admin(tmp_path, house_url) as admin:
        one = await admin.uploads(many(600))
        await admin.waits(one)
        await admin.step(one, "start")
        await admin.waits(one, lambda now: now["imported"] > 0)
    async with open_desk(tmp_path, database_url=house_url) as desk:
        again = Admin(desk, admin.headers)
        done = await again.waits(one)
        assert (done["state"], done["imported"]) == ("done", 600)
        assert (await again.log())["imported"] == 600


async def test_an_import_whose_node_was_killed_goes_on_without_a_second_copy(
    tmp_path: Path, house_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "LOST_SECONDS", 0.5)
    killed = """
import asyncio, os, signal, sys
from pathlib import Path
from bot import imports
from bot.intake import Intake
from storage.database import Database

store = imports._store
async def die_after(*given):
    await store(*given)
    os.kill(os.getpid(), signal.SIGKILL)
imports._store = die_after

async def main():
    db = await Database.open(sys.argv[1], migrate=False)
    Intake(db, Path(sys.argv[2]), node="other", megabytes=9).start()
    await asyncio.sleep(60)

asyncio.run(main())
"""
    async with open_admin(tmp_path, house_url) as admin:
        one = await admin.uploads(many(100))
        await admin.waits(one)
        await admin.desk.services.intake.stop()
        await admin.step(one, "start")
    command = [sys.executable, "-c", killed, house_url, str(tmp_path / "data")]
    done = await asyncio.to_thread(subprocess.run, command, cwd=ROOT, timeout=120)
    assert done.returncode == -signal.SIGKILL
    async with open_desk(tmp_path, database_url=house_url) as desk:
        again = Admin(desk, admin.headers)
        found = await again.waits(one)
        assert (found["state"], found["imported"], (await again.log())["imported"]) == ("done", 100, 100)


async def test_uploads_that_nobody_imports_are_discarded_after_a_week(
    tmp_path: Path, house_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_admin(tmp_path, house_url) as admin:
        one = await admin.uploads(many(1))
        await admin.waits(one)
        orphan = admin.folder / "0198c0de-0000-7000-8000-000000000000.part"
        orphan.write_bytes(b"half a file")
    monkeypatch.setattr(intake, "KEPT_DAYS", 0)
    monkeypatch.setattr(intake, "ORPHAN_SECONDS", -1)
    async with open_desk(tmp_path, database_url=house_url) as desk:
        again = Admin(desk, admin.headers)
        found = await again.waits(one, lambda now: not now["kept"])
        assert (found["state"], found["error"]) == ("cancelled", "discarded after 0 days")
        async with asyncio.timeout(10):
            while again.files():
                await asyncio.sleep(0.02)
        assert (await again.actions())[-1] == "import_discarded"


async def test_a_discarded_upload_leaves_no_file_and_can_not_be_used(admin: Admin) -> None:
    one = await admin.uploads(many(1))
    await admin.waits(one)
    gone = (await admin.asks("DELETE", f"/api/admin/imports/{one}"))["upload"]
    assert (gone["state"], gone["kept"]) == ("cancelled", False) and admin.files() == []
    for what in ("start", "cancel"):
        await admin.step(one, what, status=409)
    await admin.asks("PUT", f"/api/admin/imports/{one}/reading", {}, status=409)
    await admin.asks("DELETE", f"/api/admin/imports/{one}", status=409)
    assert (await admin.actions())[-1] == "import_discarded"


async def test_a_full_disk_is_told(admin: Admin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.incoming.RESERVE", 1 << 60)
    said = await admin.sends(many(1), status=507)
    assert "no room" in said["detail"] and admin.files() == []


async def test_other_routes_keep_their_limit(admin: Admin) -> None:
    body = {"columns": {"text": "x" * 200_000}}
    await admin.asks(
        "PUT", "/api/admin/imports/0198c0de-0000-7000-8000-000000000000/reading", body, status=413
    )
