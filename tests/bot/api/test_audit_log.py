"""The audit log over the api: paged, filtered, in words, and as a file."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest

from bot.api import audit_log
from storage import audit
from tests.bot.api.desk import Desk

PLACE = "/api/admin/audit"


@pytest.fixture
async def admin(desk: Desk) -> dict[str, str]:
    """Headers of an admin; their account and sign-in are the first entries."""
    return await desk.signed_in("admin")


async def noted(desk: Desk, count: int = 5, **changes: Any) -> None:
    for number in range(count):
        row = {
            "actor_id": None,
            "actor": "an import",
            "action": "import_ended",
            "subject": "conversations",
        }
        row |= {"details": {"imported": number}} | changes
        await desk.services.db.write(lambda tx, row=row: audit.append(tx, **row))


async def test_pages_go_on_to_the_first_entry(desk: Desk, admin: dict[str, str]) -> None:
    await noted(desk)
    said, before = [], ""
    while True:
        page = await desk.json("GET", f"{PLACE}?limit=2{before}", headers=admin)
        said += [entry["details"] or entry["said"] for entry in page["items"]]
        if page["next"] is None:
            break
        before = f"&before={page['next']}"
    assert said == [*(f"imported: {number}" for number in (4, 3, 2, 1, 0)), "signed in", "role: admin"]
    await desk.json("GET", f"{PLACE}?before=999999", status=422, headers=admin)


async def test_it_is_filtered_by_actor_action_and_time(desk: Desk, admin: dict[str, str]) -> None:
    await noted(desk, 2)
    names = await desk.json("GET", f"{PLACE}/names", headers=admin)
    assert names == {
        "actors": ["admin@example.com", "an import", "command line"],
        "actions": ["account_added", "import_ended", "signed_in"],
    }

    async def of(query: str) -> list[str]:
        found = await desk.json("GET", f"{PLACE}?{query}", headers=admin)
        return [entry["action"] for entry in found["items"]]

    assert await of("actor=an+import") == ["import_ended", "import_ended"]
    assert await of("action=signed_in") == ["signed_in"]
    assert await of("action=signed_in&actor=an+import") == []
    assert await of("since=2020-01-01T00:00:00Z&until=2020-01-02T00:00:00%2B02:00") == []
    assert len(await of("since=2020-01-01T00:00:00Z")) == 4
    for wrong in ("since=yesterday", "since=2026-01-01T00:00:00", "until=0001-01-01T00:00:00Z", "since=12"):
        await desk.json("GET", f"{PLACE}?{wrong}", status=422, headers=admin)
    said = await desk.json("GET", f"{PLACE}?actor=comand+line", status=422, headers=admin)
    assert "Nobody of this name" in said["detail"]


async def test_what_nobody_put_into_words_is_still_said(desk: Desk, admin: dict[str, str]) -> None:
    details = {"why": "", "old": None, "counts": {"rows_gone": 3, "more": []}, "again": False}
    await noted(desk, 1, action="moon_landed", subject="crater:7", details=details)
    newest = (await desk.json("GET", PLACE, headers=admin))["items"][0]
    assert (newest["said"], newest["details"]) == ("moon landed: crater 7", "counts: rows gone 3; again: no")


async def test_it_is_exported_whole_whatever_its_length(
    desk: Desk, admin: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_log, "EXPORTED_AT_ONCE", 2)
    await noted(desk)
    await noted(desk, 1, actor="=HYPERLINK(1)", details={"said": 'a "b", c'})
    exported = await desk.call("GET", f"{PLACE}/export", headers=admin)
    rows = [json.loads(line) for line in (await exported.text()).splitlines()]
    assert exported.headers["Content-Disposition"] == 'attachment; filename="audit.jsonl"'
    assert [row["details"] for row in rows][1:6] == [{"imported": number} for number in (4, 3, 2, 1, 0)]
    assert len(rows) == 8

    exported = await desk.call("GET", f"{PLACE}/export?format=csv&action=import_ended", headers=admin)
    assert exported.content_type == "text/csv"
    table = list(csv.DictReader(io.StringIO(await exported.text())))
    assert len(table) == 6
    assert table[0]["actor"] == "'=HYPERLINK(1)", "no spreadsheet takes it for a formula"
    assert json.loads(table[0]["details"]) == {"said": 'a "b", c'}
    assert table[-1]["said"] == "ended an import of conversations"


async def test_an_export_of_nothing_is_an_empty_file(desk: Desk, admin: dict[str, str]) -> None:
    none = "until=2020-01-01T00:00:00Z"
    assert await (await desk.call("GET", f"{PLACE}/export?{none}", headers=admin)).text() == ""
    table = await (await desk.call("GET", f"{PLACE}/export?format=csv&{none}", headers=admin)).text()
    assert table == "number,at,actor,action,subject,said,details\r\n"
    await desk.json("GET", f"{PLACE}/export?actor=nobody", status=422, headers=admin)
