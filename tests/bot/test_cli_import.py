"""`deskhand import` and `deskhand export`: what they print, keep, and do beside a server."""

from __future__ import annotations

import asyncio
import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from bot import cli, logs, occupancy

PAYLOADS = Path(__file__).parent.parent / "payloads"


@pytest.fixture
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(logs, "configure", lambda level: None)
    return tmp_path / "data"


def deskhand(data_dir: Path, capsys: Any, *line: str | Path) -> tuple[int, str, str]:
    environ = {"DESKHAND_DATA_DIR": str(data_dir), "DESKHAND_LOG_LEVEL": "error"}
    status = cli.main([str(word) for word in line], environ)
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def test_a_dry_run_then_an_import_then_an_export(data_dir: Path, capsys: Any) -> None:
    file = PAYLOADS / "uniform.jsonl"
    status, out, _ = deskhand(data_dir, capsys, "import", file, "--dry-run")
    assert status == 0
    assert "conversations: 8\n" in out and "models may learn from: 1\n" in out
    assert "  no_consent: 1\n" in out and "nothing was stored" in out
    status, out, _ = deskhand(data_dir, capsys, "import", file, "--json")
    assert (status, json.loads(out)["imported"]) == (0, 5)

    status, out, _ = deskhand(data_dir, capsys, "export", "conversations")
    rows = [json.loads(line) for line in out.splitlines()]
    assert status == 0
    assert sorted(row["meta"]["external_id"] for row in rows) == [f"olddesk:u{n}" for n in range(1, 6)]
    assert rows[0]["turns"][1]["origin"] == "person" and rows[0]["turns"][1]["at"].endswith("+00:00")

    packed = data_dir / "set.jsonl.gz"
    status, out, _ = deskhand(data_dir, capsys, "export", "training-set", "--out", packed, "--json")
    assert json.loads(out) == {"what": "training-set", "out": str(packed), "conversations": 3, "turns": 6}
    assert "Please forget" not in gzip.decompress(packed.read_bytes()).decode()
    assert packed.stat().st_mode & 0o077 == 0 and [*data_dir.glob(".*.unfinished")] == []

    status, out, _ = deskhand(data_dir, capsys, "import", packed, "--json", "--dry-run")
    assert json.loads(out)["duplicates"] == {"stored_by_text": 3}


def test_a_tables_columns_and_roles_are_told(data_dir: Path, capsys: Any) -> None:
    mapped = ("--map", "text=Body", "--map", "Martian=customer", "--skip-broken")
    status, out, _ = deskhand(data_dir, capsys, "import", PAYLOADS / "table.csv", *mapped)
    assert status == 0
    assert "table.csv line 8: this conversation has rows further up" in out and "imported: 3" in out


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (("import", "none.jsonl"), "none.jsonl: can't be read"),
        (("import", PAYLOADS / "broken.jsonl"), "line 2: every turn needs"),
        (("import", PAYLOADS / "uniform.jsonl", "--map", "text=body"), "a mapping is for tables"),
        (("import", PAYLOADS / "table.csv", "--map", "body"), "FIELD=COLUMN was expected"),
        (("import", PAYLOADS / "table.csv", "--map", "colour=red"), "fields: conversation, role"),
        (("export", "conversations", "--json"), "need --out FILE"),
        (("export", "conversations", "--out", "no/such/folder.jsonl"), "No such file"),
    ],
)
def test_what_can_not_be_done_is_told_in_one_line(
    data_dir: Path, capsys: Any, line: tuple[str, ...], said: str
) -> None:
    status, out, err = deskhand(data_dir, capsys, *line)
    # a slow machine has time to tell its progress
    told = [words for words in err.splitlines() if not words.startswith("conversations read: ")]
    assert (status, out, len(told)) == (1, "", 1)
    assert told[0].startswith("deskhand: ") and said in told[0]


@pytest.mark.parametrize(
    "line", [("import", PAYLOADS / "uniform.jsonl", "--dry-run"), ("export", "conversations")]
)
def test_beside_a_server_on_sqlite_nothing_happens_and_the_way_is_told(
    data_dir: Path, capsys: Any, line: tuple[str, ...]
) -> None:
    data_dir.mkdir()

    async def served() -> tuple[int, str, str]:
        async with occupancy.serving(data_dir):
            return await asyncio.to_thread(deskhand, data_dir, capsys, *line)

    status, out, err = asyncio.run(served())
    assert (status, out) == (1, "")
    assert "a server is running" in err and "Stop it" in err
