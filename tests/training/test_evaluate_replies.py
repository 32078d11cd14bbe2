"""Suggestions are judged on conversations that are not remembered, beside the parts they come from."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nlp.registry import STARTER, STARTER_FOLDER, Version, verify
from training.evaluate_replies import replies, split
from training.files import BadFile

ASKED = [
    ("Where is my parcel? It is late.", "I'm sorry it is late. Could you send me the order number?"),
    ("How do I return a jumper?", "You can print a label in your account, under Returns."),
    ("When do you open?", "We open at nine, Monday to Saturday."),
    ("Do you sell gift cards?", "We do, by e-mail or in an envelope."),
]


@pytest.fixture(scope="module")
def version() -> Version:
    return verify(STARTER_FOLDER, STARTER)


def write(path: Path, repeats: int, name: str = "") -> Path:
    rows = []
    for number in range(repeats):
        for at, (asked, answered) in enumerate(ASKED):
            turns = [{"role": "customer", "text": asked}, {"role": "agent", "text": answered}]
            rows.append({"conversation_id": f"{name}{number}-{at}", "turns": turns})
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_a_reply_that_is_remembered_is_suggested(tmp_path: Path, version: Version) -> None:
    said: list[tuple[str, int, int]] = []
    found = replies(
        write(tmp_path / "asked.jsonl", 1),
        version,
        memory=[write(tmp_path / "known.jsonl", 2, "past-")],
        limit=None,
        seed=1,
        device="cpu",
        progress=lambda *done: said.append(done),
    )
    assert (found["n"], found["remembered"]) == (4, 8)
    assert found["retrieval_only"]["similarity_at_3"] > 0.95
    assert found["suggestions"]["similarity_at_3"] > 0.7
    for block in ("suggestions", "retrieval_only", "generation_only"):
        assert {
            "similarity_at_1",
            "similarity_at_3",
            "rouge_l_at_1",
            "rouge_l_at_3",
            "slot_precision",
            "slot_recall",
            "repeated_4gram_rate",
            "distinct_2",
        } <= found[block].keys()
    assert 0 <= found["hit_at_1_of_100"] <= found["hit_at_1_of_10"] <= 1
    assert said[-1] == ("drafting", 4, 4)


def test_a_file_is_split_by_conversation_and_seed(tmp_path: Path) -> None:
    path = write(tmp_path / "x.jsonl", 5)
    asked, remembered = split(path, (), 1)
    assert (len(asked), len(remembered)) == (4, 16)
    assert not {one.id for one in asked} & {one.id for one in remembered}
    assert split(path, (), 1) == (asked, remembered) != split(path, (), 2)


def test_conversations_of_the_memory_are_not_asked_about(tmp_path: Path) -> None:
    asked, remembered = split(write(tmp_path / "x.jsonl", 3), [write(tmp_path / "y.jsonl", 2)], 1)
    assert (len(asked), len(remembered)) == (4, 8)
    with pytest.raises(BadFile, match="nothing to ask"):
        split(tmp_path / "y.jsonl", [tmp_path / "x.jsonl"], 1)


def test_a_file_without_questions_is_told(tmp_path: Path, version: Version) -> None:
    path = tmp_path / "x.jsonl"
    one = {"conversation_id": "a", "turns": [{"role": "agent", "text": "hello"}]}
    path.write_text(json.dumps(one) + "\n" + json.dumps({**one, "conversation_id": "b"}) + "\n")
    with pytest.raises(BadFile, match="no agent turn follows"):
        replies(path, version, memory=(), limit=None, seed=1, device="cpu", progress=lambda *_: None)
    path.write_text(json.dumps(one) + "\n")
    with pytest.raises(BadFile, match="two conversations"):
        split(path, (), 1)
