"""Transcripts are surveyed without a trace and stored once, also after a kill; on both kinds of database."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from bot import imports
from bot.failure import Failure
from bot.survey import Survey
from storage import audit, conversations
from storage.database import Database
from storage.exports import Exported, every, exported
from storage.transcripts.lines import BadFile

ROOT = Path(__file__).parent.parent.parent
PAYLOADS = ROOT / "tests" / "payloads"


@pytest.fixture
async def db(house_url: str) -> AsyncIterator[Database]:
    opened = await Database.open(house_url, migrate=False)
    yield opened
    await opened.close()


def given(*paths: str | Path, name: str | None = None, **mapped: str) -> list[imports.Source]:
    return imports.sources([PAYLOADS / path for path in paths], None, name, mapped)


async def bring_in(db: Database, *paths: str | Path, skip: bool = False, progress: Any = None) -> Survey:
    return await imports.bring_in(
        db, given(*paths), actor="test", skip_broken=skip, progress=progress or (lambda done: None)
    )


async def stored(db: Database) -> list[Exported]:
    return [one async for one in every(db, exported)]


def many(path: Path, count: int) -> Path:
    """A file of conversations that differ in a number."""
    with path.open("w") as file:
        for number in range(count):
            asked = {"role": "customer", "text": f"Where is my parcel number {number}, please?"}
            told = {"role": "agent", "text": f"Parcel {number} comes tomorrow."}
            file.write(json.dumps({"conversation_id": str(number), "turns": [asked, told]}) + "\n")
    return path


async def test_the_survey_counts_and_stores_nothing(db: Database) -> None:
    figures = (await imports.survey(db, given("uniform.jsonl", "broken.jsonl"), lambda done: None)).view()
    assert figures == {
        "conversations": 10,
        "new": 7,
        "turns": {"customer": 9, "agent": 8},
        "duplicates": {"in_files_by_id": 1, "in_files_by_text": 1},
        "personal_data": {"order_id": 3, "email": 3},
        "eligible": 3,
        "not_eligible": {
            "duplicate": 2,
            "no_consent": 1,
            "no_agent_reply": 1,
            "other_language": 1,
            "too_short": 1,
            "empty": 1,
        },
        "broken": {
            "count": 3,
            "rows": [
                {
                    "file": "broken.jsonl",
                    "place": "line 2",
                    "reason": 'every turn needs a "role" that is "customer" or "agent"',
                },
                {
                    "file": "broken.jsonl",
                    "place": "line 3",
                    "reason": "not JSON; each line must be one JSON object",
                },
                {
                    "file": "broken.jsonl",
                    "place": "line 4",
                    "reason": "turn 1: text contains a NUL character",
                },
            ],
        },
    }
    assert await stored(db) == []
    async with db.read() as tx:
        assert await audit.entries(tx) == []


async def test_what_is_imported_comes_back_with_its_times_consent_and_origins(db: Database) -> None:
    figures = await bring_in(db, "uniform.jsonl")
    assert figures.imported == 5
    found = {one.external_id: one for one in await stored(db)}
    assert set(found) == {f"olddesk:u{number}" for number in range(1, 6)}
    first = found["olddesk:u1"]
    assert [(turn.role, turn.text) for turn in first.turns][1] == (
        "agent",
        "It left on Monday and should reach you tomorrow.",
    )
    assert first.turns[0].at.isoformat() == "2026-03-02T09:00:00+00:00"
    assert {key: first.meta[key] for key in ("customer_name", "customer_email", "locale", "tags")} == {
        "customer_name": "Ann",
        "customer_email": "ann@example.com",
        "locale": "en-GB",
        "tags": ["parcel"],
    }
    assert (first.meta["consent"], found["olddesk:u2"].meta["consent"]) == (True, False)
    async with db.read() as tx:
        entries = await audit.entries(tx)
    assert {entry.action: entry.details for entry in entries} == {
        "import_begun": {"files": [{"file": "uniform.jsonl", "format": "uniform"}]},
        "import_ended": {"imported": 5},
    }


async def test_machines_of_other_desks_stay_machines(db: Database) -> None:
    await bring_in(db, "chatwoot.json", skip=True)
    (one,) = await stored(db)
    assert one.external_id == "chatwoot:601"
    assert [turn.origin for turn in one.turns] == [None, "automatic", "person", "automatic"]


async def test_the_same_again_changes_nothing_and_is_told(db: Database) -> None:
    await bring_in(db, "uniform.jsonl")
    before = await stored(db)
    again = await bring_in(db, "uniform.jsonl")
    assert (again.imported, again.duplicates["stored_by_id"]) == (0, 5)
    renamed = await imports.survey(db, given("uniform.jsonl", name="other"), lambda done: None)
    assert renamed.duplicates["stored_by_text"] == 5 and renamed.eligible == 0
    assert await stored(db) == before


async def test_an_id_with_another_text_is_told_and_the_first_stays(db: Database, tmp_path: Path) -> None:
    path = many(tmp_path / "a.jsonl", 1)
    second = path.read_text().replace("parcel number 0", "letter")
    path.write_text(path.read_text() + second)
    figures = await bring_in(db, path)
    assert (figures.imported, dict(figures.duplicates)) == (1, {"same_id_other_text": 1})


async def test_a_broken_row_stops_and_keeps_what_was_before_it(db: Database) -> None:
    with pytest.raises(Failure) as told:
        await bring_in(db, "broken.jsonl")
    assert "broken.jsonl line 2: every turn needs" in str(told.value)
    assert "Imported before it: 1." in str(told.value) and "--skip-broken" in str(told.value)
    assert [one.external_id for one in await stored(db)] == ["broken:b1"]
    figures = await bring_in(db, "broken.jsonl", skip=True)
    assert (figures.imported, figures.broken) == (1, 3)
    assert [one.external_id for one in await stored(db)] == ["broken:b1", "broken:b5"]


async def test_a_file_that_ends_too_soon_keeps_what_was_read(db: Database, tmp_path: Path) -> None:
    whole = many(tmp_path / "a.jsonl", 100).read_text()
    document = tmp_path / "a.json"
    document.write_text("[" + ",".join(whole.splitlines())[:-40])
    with pytest.raises(BadFile, match=r"a\.json: not JSON"):
        await bring_in(db, document)
    assert len(await stored(db)) == 3 * imports.BATCH


async def test_a_killed_import_goes_on_where_it_was(db: Database, house_url: str, tmp_path: Path) -> None:
    path = many(tmp_path / "many.jsonl", 100)
    killed = """
import asyncio, os, signal, sys
from pathlib import Path
from bot import imports
from storage.database import Database

async def main():
    db = await Database.open(sys.argv[1], migrate=False)
    given = imports.sources([Path(sys.argv[2])], None, None, {})
    die = lambda done: os.kill(os.getpid(), signal.SIGKILL)
    await imports.bring_in(db, given, actor="test", skip_broken=False, progress=die)

asyncio.run(main())
"""
    done = subprocess.run([sys.executable, "-c", killed, house_url, str(path)], cwd=ROOT, timeout=120)
    assert done.returncode == -signal.SIGKILL
    assert len(await stored(db)) == imports.BATCH
    figures = await bring_in(db, path)
    assert (figures.imported, figures.duplicates["stored_by_id"]) == (100 - imports.BATCH, imports.BATCH)
    assert sorted(int(str(one.external_id).split(":")[1]) for one in await stored(db)) == list(range(100))


@pytest.mark.parametrize(
    ("meta", "told"),
    [
        ({"consent": "no"}, '"consent" in "meta" must be true or false'),
        ({"customer_email": 5}, '"customer_email" in "meta" must be a string'),
        ({"customer_name": "x" * 201}, '"customer_name" in "meta": text is longer than 200'),
        ({"tags": "vip"}, '"tags" in "meta" must be a list'),
    ],
)
async def test_what_can_not_be_stored_is_told_before_anything_is(
    db: Database, tmp_path: Path, meta: dict[str, Any], told: str
) -> None:
    path = tmp_path / "a.jsonl"
    turns = [{"role": "customer", "text": "Hello"}]
    path.write_text(json.dumps({"conversation_id": "1", "turns": turns, "meta": meta}))
    with pytest.raises(Failure, match=told):
        await bring_in(db, path)
    assert await stored(db) == []


async def test_what_was_said_here_is_known_too(db: Database, tmp_path: Path) -> None:
    path = many(tmp_path / "a.jsonl", 1)
    customer = await db.write(
        lambda tx: conversations.create_customer(tx, display_name="Ada", token_hash=None, locale=None)
    )
    text = json.loads(path.read_text())["turns"]
    received = await db.write(
        lambda tx: conversations.receive(
            tx, customer_id=customer.id, channel="web", text=text[0]["text"], client_msg_id="1"
        )
    )
    here = received.conversation.id
    await db.write(
        lambda tx: conversations.post(tx, conversation_id=here, kind="agent", text=text[1]["text"])
    )
    assert (await bring_in(db, path)).duplicates == {"stored_by_text": 1}
