"""Versions from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bot.cli import main
from nlp.registry import Registry, write_manifest


def test_the_starter_serves_until_another_is_promoted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["models", "list", "--json", "--data-dir", str(tmp_path)], {}) == 0
    assert json.loads(capsys.readouterr().out) == {
        "versions": ["starter"],
        "current": "starter",
        "tainted": [],
    }
    assert main(["models", "list", "--data-dir", str(tmp_path)], {}) == 0
    assert capsys.readouterr().out == "* starter\n"


def test_promote_and_rollback_move_the_pointer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "promote", "starter", "--data-dir", str(tmp_path)], {}) == 0
    assert "takes it up within a minute" in capsys.readouterr().out
    assert main(["models", "rollback", "--data-dir", str(tmp_path)], {}) == 0
    capsys.readouterr()
    assert main(["models", "rollback", "--data-dir", str(tmp_path)], {}) == 1
    assert "no earlier version" in capsys.readouterr().err


def test_a_tainted_version_is_marked_and_not_promoted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_manifest_of(tmp_path / "models" / "v1")
    Registry(tmp_path / "models").taint(["v1"])
    assert main(["models", "list", "--data-dir", str(tmp_path)], {}) == 0
    assert capsys.readouterr().out == "* starter\n  v1   learned from a customer who was erased\n"
    assert main(["models", "promote", "v1", "--data-dir", str(tmp_path)], {}) == 1
    assert "train a new version" in capsys.readouterr().err


def write_manifest_of(folder: Path) -> None:
    folder.mkdir(parents=True)
    write_manifest(folder, {})


def test_an_unknown_version_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "show", "nope", "--data-dir", str(tmp_path)], {}) == 1
    assert "deskhand models list" in capsys.readouterr().err


def test_training_on_nothing_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    missing = ["train", "--data", str(tmp_path / "no.jsonl"), "--data-dir", str(tmp_path)]
    assert main(missing, {}) == 1
    assert "no.jsonl" in capsys.readouterr().err
    assert main([*missing, "--minutes", "0"], {}) == 1
    assert "--minutes" in capsys.readouterr().err
