"""`deskhand discover` on the command line: what it prints, and what it says of a bad file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bot import cli, logs
from tests.nlp.test_discovery import ASKED


@pytest.fixture
def environ(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """A fresh data folder, in a folder without a settings file."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(logs, "configure", lambda level: None)
    return {"DESKHAND_DATA_DIR": str(tmp_path / "data")}


def test_groups_are_one_json_object_or_text(tmp_path: Path, environ: dict[str, str], capsys: Any) -> None:
    path = tmp_path / "texts.jsonl"
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in ASKED["engraving"]))
    assert cli.main(["discover", str(path), "--everything", "--json"], environ) == 0
    printed = capsys.readouterr()
    found = json.loads(printed.out)
    assert found.keys() == {"files", "model", "messages", "unsure", "grouped", "clusters"}
    (cluster,) = found["clusters"]
    assert cluster["size"] == 6 and set(cluster["examples"]) <= set(ASKED["engraving"])
    assert "names and numbers: 6 of 6" in printed.err
    assert cli.main(["discover", str(path), "--everything", "--limit", "6"], environ) == 0
    assert f"{cluster['name']}  (6 messages" in capsys.readouterr().out


def test_a_bad_file_is_told_in_one_line(tmp_path: Path, environ: dict[str, str], capsys: Any) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text('{"text": "a"}\n{"text"\n')
    assert cli.main(["discover", str(path)], environ) == 1
    printed = capsys.readouterr()
    assert printed.out == "" and "bad.jsonl line 2: not JSON" in printed.err


def test_the_help_has_an_example(capsys: Any) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["discover", "--help"], {})
    assert ended.value.code == 0 and "example: deskhand discover" in capsys.readouterr().out
