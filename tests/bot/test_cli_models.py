"""Versions from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bot.cli import main


def test_the_starter_serves_until_another_is_promoted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["models", "list", "--json", "--data-dir", str(tmp_path)], {}) == 0
    assert json.loads(capsys.readouterr().out) == {"versions": ["starter"], "current": "starter"}
    assert main(["models", "list", "--data-dir", str(tmp_path)], {}) == 0
    assert capsys.readouterr().out == "* starter\n"


def test_promote_and_rollback_move_the_pointer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "promote", "starter", "--data-dir", str(tmp_path)], {}) == 0
    assert "restart" in capsys.readouterr().out
    assert main(["models", "rollback", "--data-dir", str(tmp_path)], {}) == 0
    capsys.readouterr()
    assert main(["models", "rollback", "--data-dir", str(tmp_path)], {}) == 1
    assert "no earlier version" in capsys.readouterr().err


def test_an_unknown_version_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "show", "nope", "--data-dir", str(tmp_path)], {}) == 1
    assert "deskhand models list" in capsys.readouterr().err


def test_training_on_nothing_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    missing = ["train", "--data", str(tmp_path / "no.jsonl"), "--data-dir", str(tmp_path)]
    assert main(missing, {}) == 1
    assert "no.jsonl" in capsys.readouterr().err
    assert main([*missing, "--minutes", "0"], {}) == 1
    assert "--minutes" in capsys.readouterr().err
