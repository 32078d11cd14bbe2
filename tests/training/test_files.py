"""Data files are read row by row, and a bad one is told by line and reason."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from training import files
from training.files import BadFile

GOOD = {"text": "hello", "label": "neutral"}


def write(path: Path, *lines: object) -> Path:
    path.write_bytes(b"".join(line if isinstance(line, bytes) else f"{line}\n".encode() for line in lines))
    return path


def test_blank_lines_a_byte_order_mark_and_gzip_are_no_trouble(tmp_path: Path) -> None:
    line = json.dumps(GOOD)
    plain = write(tmp_path / "a.jsonl", "\ufeff" + line, "", line)
    packed = tmp_path / "a.jsonl.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    for path in (plain, packed):
        assert [row.label for row in files.rows(path, files.sentiment_row)] == ["neutral", "neutral"]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[1]", "a JSON object was expected, not a list"),
        ('"x"', "not a string"),
        ("7", "not a number"),
        ("null", "not null"),
        (b"\xff\xfe\n", "not UTF-8"),
        ('{"text": 1, "label": "neutral"}', 'a string "text" was expected, not a number'),
        ('{"text": "x"}', '"label" was expected, which is missing (there are: text)'),
    ],
)
def test_a_bad_line_is_told(tmp_path: Path, line: object, reason: str) -> None:
    path = write(tmp_path / "bad.jsonl", json.dumps(GOOD), line)
    with pytest.raises(BadFile) as told:
        list(files.rows(path, files.sentiment_row))
    assert "bad.jsonl line 2" in str(told.value) and reason in str(told.value)


@pytest.mark.parametrize("content", [b"not gzip", gzip.compress(b'{"text": "a"}\n' * 999)[:40]])
def test_a_broken_archive_is_told(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.jsonl.gz").write_bytes(content)
    with pytest.raises(BadFile, match=r"x\.jsonl\.gz: can't be read"):
        list(files.raw_rows(tmp_path / "x.jsonl.gz"))


def test_a_file_that_is_not_there_and_a_folder_are_told(tmp_path: Path) -> None:
    for path in (tmp_path / "none.jsonl", tmp_path):
        with pytest.raises(BadFile, match="can't be read"):
            list(files.raw_rows(path))


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ({"tokens": ["a", "b"], "tags": ["O"]}, "2 tokens but 1 tags"),
        ({"tokens": ["a"], "tags": ["PER"]}, "not BIO"),
        ({"tokens": ["a"], "tags": ["B-"]}, "not BIO"),
        ({"tokens": "a", "tags": ["O"]}, 'a list of strings "tokens"'),
        ({"tokens": ["a"], "tags": ["O"], "text": 3}, '"text" must be a string'),
    ],
)
def test_a_bad_tagged_row_is_told(raw: files.Raw, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        files.tagged_row(raw)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ({"conversation_id": "c", "turns": []}, "one at least"),
        ({"conversation_id": "c", "turns": [{"role": "bot", "text": "x"}]}, '"customer" or "agent"'),
        ({"conversation_id": "c", "turns": [{"role": "agent"}]}, '"text"'),
        ({"turns": [{"role": "agent", "text": "x"}]}, '"conversation_id"'),
    ],
)
def test_a_bad_conversation_is_told(raw: files.Raw, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        files.conversation_row(raw)


def test_some_rows_are_drawn_by_the_seed_and_keep_their_order() -> None:
    drawn = files.some(iter(range(1000)), 50, 3)
    assert drawn == files.some(range(1000), 50, 3) == sorted(drawn)
    assert len(set(drawn)) == 50
    assert drawn != files.some(range(1000), 50, 4)
    assert files.some(range(5), None, 1) == files.some(range(5), 9, 1) == [0, 1, 2, 3, 4]
