"""Files in, proposed intents out: which messages of a file count, and what is said of a bad one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from nlp.reading import Reader
from nlp.registry import STARTER_FOLDER
from tests.nlp.test_discovery import ALONE, ASKED
from training.discovery import discover, messages
from training.files import BadFile


@pytest.fixture(scope="module")
def reader() -> Reader:
    return Reader.load(STARTER_FOLDER / "heads")


def written(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_the_customers_first_message_or_the_text_counts(tmp_path: Path) -> None:
    turns = [
        {"role": "agent", "text": "Welcome"},
        {"role": "customer", "text": "First"},
        {"role": "customer", "text": "Second"},
    ]
    path = written(
        tmp_path / "mixed.jsonl",
        [
            {"conversation_id": "a", "turns": turns},
            {"conversation_id": "b", "turns": turns[:1]},
            {"text": "Labelled", "intent": "x"},
            {"text": " "},
        ],
    )
    assert list(messages(path)) == ["First", "Labelled"]


def test_unsure_messages_are_grouped_and_named(tmp_path: Path, reader: Reader) -> None:
    texts = [text for group in ASKED.values() for text in group]
    path = written(tmp_path / "texts.jsonl", [{"text": text} for text in [*texts, *ALONE]])
    heard: list[str] = []
    found = discover(
        [path],
        reader,
        everything=True,
        limit=None,
        seed=17,
        progress=lambda what, done, total: heard.append(what),
    )
    assert (found["messages"], found["unsure"], found["grouped"]) == (14, 14, 12)
    assert {one["size"] for one in found["clusters"]} == {6}
    assert "names and numbers" in heard
    few = discover([path], reader, limit=5, seed=17, progress=lambda *_: None)
    assert few["messages"] == 5 and few["unsure"] <= 5


def test_a_bad_row_or_an_empty_file_is_told(tmp_path: Path, reader: Reader) -> None:
    bad = written(tmp_path / "bad.jsonl", [{"text": "a"}, {"label": "b"}])
    with pytest.raises(BadFile, match=r"bad\.jsonl line 2: .*\"text\""):
        discover([bad], reader, limit=None, seed=17, progress=lambda *_: None)
    empty = written(tmp_path / "empty.jsonl", [])
    with pytest.raises(BadFile, match="no customer's message"):
        discover([empty], reader, limit=None, seed=17, progress=lambda *_: None)
