"""`deskhand evaluate` on the command line: what it prints, and what it says of a bad file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from bot import cli, logs


@pytest.fixture
def environ(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """A fresh data folder, in a folder without a settings file."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(logs, "configure", lambda level: None)
    return {"DESKHAND_DATA_DIR": str(tmp_path / "data")}


def run(argv: Sequence[str], environ: dict[str, str], capsys: Any) -> tuple[int, str, str]:
    status = cli.main(["evaluate", *argv], environ)
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def test_figures_are_one_json_object_and_the_report_is_a_page(
    tmp_path: Path, environ: dict[str, str], capsys: Any
) -> None:
    path = tmp_path / "moods.jsonl"
    path.write_text(
        '{"text": "I love it", "label": "positive"}\n{"text": "broken again", "label": "negative"}\n'
    )
    argv = ["sentiment", str(path), "--json", "--report", str(tmp_path / "report")]
    status, out, err = run(argv, environ, capsys)
    figures = json.loads(out)
    assert status == 0
    assert (figures["task"], figures["file"], figures["model"]) == ("sentiment", "moods.jsonl", "starter")
    assert {"n", "accuracy", "macro_f1", "macro_recall", "items_per_second", "interval"} <= figures.keys()
    assert "reading: 2 of 2" in err
    page = (tmp_path / "report" / "index.html").read_text()
    for name in ("confusion", "reliability", "risk"):
        assert f"{name}.svg" in page and (tmp_path / "report" / f"{name}.svg").stat().st_size > 1000


def test_figures_can_be_read_as_text(tmp_path: Path, environ: dict[str, str], capsys: Any) -> None:
    path = tmp_path / "names.jsonl"
    path.write_text('{"tokens": ["I", "am", "Anna", "Kowalski"], "tags": ["O", "O", "B-WHO", "I-WHO"]}\n')
    status, out, _ = run(["entities", str(path), "--map", "WHO=person"], environ, capsys)
    assert status == 0
    assert "f1: 1.0000" in out and "person:" in out


@pytest.mark.parametrize(
    ("task", "content", "reason"),
    [
        ("sentiment", '{"text": "a", "label": "neutral"}\n{"text"', "line 2: not JSON"),
        ("entities", '{"tokens": ["a"], "tags": []}', "1 tokens but 0 tags"),
        ("intents", '{"text": "a"}', '"intent" was expected'),
        ("replies", '{"conversation_id": "a", "turns": []}', "one at least"),
    ],
)
def test_a_bad_file_is_told_in_one_line(
    tmp_path: Path, environ: dict[str, str], capsys: Any, task: str, content: str, reason: str
) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text(content)
    status, out, err = run([task, str(path)], environ, capsys)
    assert (status, out) == (1, "")
    assert err.count("\n") == 1 and reason in err


def test_what_is_asked_for_wrongly_is_told(tmp_path: Path, environ: dict[str, str], capsys: Any) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text('{"text": "a", "label": "neutral"}\n')
    for more, reason in ((["--map", "angry"], "LABEL=OURS"), (["--model", "none"], "none")):
        status, _, err = run(["sentiment", str(path), *more], environ, capsys)
        assert status == 1 and reason in err
    with pytest.raises(SystemExit) as ended:
        run(["sentiment", str(path), "--limit", "0"], environ, capsys)
    assert ended.value.code == 2
