"""Conversations come in as they were written, and a broken line is named."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from training.corpus import Dialogue, mood_class, read_articles, read_conversations, renamed, train_part


def line(name: str, *texts: str) -> str:
    roles = ("customer", "agent")
    turns = [{"role": roles[at % 2], "text": text} for at, text in enumerate(texts)]
    return json.dumps({"conversation_id": name, "turns": turns, "meta": {"source": "test"}})


def read(path: Path) -> list[Dialogue]:
    return list(read_conversations(path, str.upper))


def test_a_uniform_file_becomes_dialogues_of_templates(tmp_path: Path) -> None:
    path = tmp_path / "few.jsonl"
    path.write_text(line("a", "hello", "hi!", "où?") + "\n" + line("b", "bye") + "\n", encoding="utf-8")
    first, second = read(path)
    assert (first.id, first.origin) == ("a", "a")
    assert first.turns == (("customer", "HELLO"), ("agent", "HI!"), ("customer", "OÙ?"))
    assert second.turns == (("customer", "BYE"),)


def test_a_gzipped_file_reads_the_same(tmp_path: Path) -> None:
    plain, packed = tmp_path / "few.jsonl", tmp_path / "few.jsonl.gz"
    plain.write_text(line("a", "hello", "hi!") + "\n", encoding="utf-8")
    with gzip.open(packed, "wt", encoding="utf-8") as file:
        file.write(plain.read_text(encoding="utf-8"))
    assert read(packed) == read(plain)


@pytest.mark.parametrize(
    "broken",
    [
        '{"conversation_id": "b", "turns": [',
        '{"conversation_id": "b"}',
        '{"turns": []}',
        '{"conversation_id": "b", "turns": [{"role": "agent"}]}',
        '["b"]',
    ],
)
def test_a_broken_line_is_named_with_its_number(tmp_path: Path, broken: str) -> None:
    path = tmp_path / "few.jsonl"
    path.write_text(f"{line('a', 'hello')}\n{broken}\n{line('c', 'bye')}\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"few\.jsonl line 2\b"):
        read(path)


def test_what_comes_before_a_broken_line_was_read(tmp_path: Path) -> None:
    path = tmp_path / "few.jsonl"
    path.write_text(line("a", "hello") + "\nbroken\n", encoding="utf-8")
    reader = read_conversations(path, str)
    assert next(reader).id == "a"
    with pytest.raises(ValueError, match="line 2"):
        next(reader)


@pytest.mark.parametrize(
    ("written", "expected"), [("furious", "negative"), ("grateful", "positive"), ("terse", "neutral")]
)
def test_mood_words_fall_into_three_classes(written: str, expected: str) -> None:
    assert mood_class(written) == expected


def test_articles_have_a_title_and_slots_for_facts(tmp_path: Path) -> None:
    (tmp_path / "articles").mkdir()
    text = "# Returns\n\nYou have {return_days} to send it back.\n"
    (tmp_path / "articles" / "returns.md").write_text(text)
    assert read_articles(tmp_path) == [("Returns", "You have <|slot:return_days|> to send it back.")]


def test_held_out_dialogues_are_not_for_training_and_a_variant_keeps_its_origin() -> None:
    turns: Any = (("customer", "hello"), ("agent", "hi"))
    kept, held = Dialogue("a", "a", turns), Dialogue("b", "b", turns, held_out=True)
    assert train_part([kept, held]) == [kept]
    variant = renamed(held, "2", turns[:1])
    assert (variant.id, variant.origin, variant.held_out) == ("b~2", "b", True)
    assert variant.turns == turns[:1]
