"""Figures of labelled files, with the starter's own readings and with readings that can be worked out."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from nlp.reading import Reader
from nlp.registry import STARTER_FOLDER
from nlp.types import Entity, Sentiment
from training import evaluate
from training.files import BadFile

NO_LIMIT: dict[str, Any] = {"limit": None, "seed": 3, "progress": lambda *_: None}


@pytest.fixture(scope="module")
def reader() -> Reader:
    return Reader.load(STARTER_FOLDER / "heads")


def write(path: Path, rows: Sequence[Mapping[str, object]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


class Fixed:
    """A reader that says what it is told, by text."""

    def __init__(self, found: Mapping[str, Any]) -> None:
        self._found = found

    def sentiments(self, texts: Sequence[str]) -> list[Sentiment]:
        return [self._found[text] for text in texts]

    def entities(self, texts: Sequence[str]) -> list[tuple[Entity, ...]]:
        return [tuple(self._found.get(text, ())) for text in texts]


def fixed(found: Mapping[str, Any]) -> Any:
    return Fixed(found)


BAD, FLAT, GOOD = Sentiment(0.8, 0.1, 0.1), Sentiment(0.1, 0.7, 0.2), Sentiment(0.0, 0.1, 0.9)


def test_sentiment_figures_can_be_worked_out(tmp_path: Path) -> None:
    rows = [("a", "negative"), ("b", "NEU"), ("c", "positive"), ("d", "positive"), ("e", "mixed")]
    path = write(tmp_path / "x.jsonl", [{"text": t, "label": y} for t, y in rows])
    found = evaluate.sentiment(path, fixed({"a": BAD, "b": FLAT, "c": GOOD, "d": FLAT}), names={}, **NO_LIMIT)
    assert (found["n"], found["accuracy"]) == (4, 0.75)
    assert found["macro_f1"] == pytest.approx((1 + 2 / 3 + 2 / 3) / 3)
    assert found["macro_recall"] == pytest.approx((1 + 1 + 0.5) / 3)
    assert found["left_out"] == {"mixed": 1}
    assert found["plots"]["confusion"]["counts"] == [[1, 0, 0], [0, 1, 0], [0, 1, 1]]
    low, high = found["interval"]["accuracy"]
    assert low <= 0.75 <= high


def test_labels_can_be_named_and_an_unknown_one_is_told(tmp_path: Path) -> None:
    path = write(tmp_path / "x.jsonl", [{"text": "a", "label": "angry"}, {"text": "b", "label": "neutral"}])
    with pytest.raises(BadFile, match=r"line 1: label 'angry' .* --map angry=negative"):
        evaluate.sentiment(path, fixed({}), names={}, **NO_LIMIT)
    found = evaluate.sentiment(path, fixed({"a": BAD, "b": FLAT}), names={"Angry": "negative"}, **NO_LIMIT)
    assert found["accuracy"] == 1.0
    assert evaluate.sentiment(path, fixed({"b": FLAT}), names={"angry": ""}, **NO_LIMIT)["n"] == 1


def entity(kind: str, start: int, end: int) -> Entity:
    return Entity(kind, "", start, end, "", 1.0, "tagger")


def test_only_exact_spans_of_the_right_type_count(tmp_path: Path) -> None:
    path = write(
        tmp_path / "x.jsonl",
        [
            {"tokens": ["Ada", "Byron", "in", "Leeds"], "tags": ["B-PER", "I-PER", "O", "B-LOC"]},
            {"tokens": ["Bob", "called"], "tags": ["B-PER", "O"], "text": "Bob  called"},
        ],
    )
    read = {
        "Ada Byron in Leeds": [entity("person", 0, 3), entity("city", 13, 18)],
        "Bob  called": [entity("person", 0, 3), entity("amount", 5, 11)],
    }
    other = evaluate.entities(
        path, fixed(read | {"Ada Byron in Leeds": [entity("amount", 0, 18)]}), names={}, **NO_LIMIT
    )
    # Of the wrong type, but nothing of it would be left to read.
    assert (other["recall"], other["covered"]) == (1 / 3, 1.0)
    found = evaluate.entities(path, fixed(read), names={}, **NO_LIMIT)
    # Right: Bob, and Leeds, as any kind of place. Wrong: half of Ada Byron. Not looked for: amounts.
    assert (found["spans"], found["precision"], found["recall"]) == (3, 2 / 3, 2 / 3)
    half = {"n": 2, "precision": 0.5, "recall": 0.5, "f1": 0.5}
    assert found["types"]["person"] == {**half, "covered": 0.5}
    assert found["map"] == {"LOC": "city|country|place", "PER": "person"}


def test_a_label_without_counterpart_is_left_out_on_both_sides(tmp_path: Path) -> None:
    path = write(
        tmp_path / "x.jsonl", [{"tokens": ["Alien", "by", "Scott"], "tags": ["B-film", "O", "B-person"]}]
    )
    read = {"Alien by Scott": [entity("person", 0, 5), entity("person", 9, 14)]}
    found = evaluate.entities(path, fixed(read), names={}, **NO_LIMIT)
    assert (found["f1"], found["left_out"]) == (1.0, ["film"])
    found = evaluate.entities(path, fixed(read), names={"film": "product", "person": ""}, **NO_LIMIT)
    assert (found["recall"], found["spans"]) == (0.0, 1)


def test_a_first_and_a_last_name_are_one_person(tmp_path: Path) -> None:
    tags = ["B-first_name", "B-last_name", "O", "B-first_name"]
    path = write(tmp_path / "x.jsonl", [{"tokens": ["Ada", "Byron", "and", "Bob"], "tags": tags}])
    read = {"Ada Byron and Bob": [entity("person", 0, 9), entity("person", 14, 17)]}
    found = evaluate.entities(path, fixed(read), names={}, **NO_LIMIT)
    assert (found["spans"], found["f1"]) == (2, 1.0)


def test_a_file_without_any_known_label_is_told(tmp_path: Path) -> None:
    path = write(tmp_path / "x.jsonl", [{"tokens": ["a"], "tags": ["B-genre"]}])
    with pytest.raises(BadFile, match=r"there are: genre.*--map LABEL=person"):
        evaluate.entities(path, fixed({}), names={}, **NO_LIMIT)


def test_nothing_to_judge_is_told(tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_text("\n")
    for judge in (evaluate.sentiment, evaluate.entities):
        with pytest.raises(BadFile):
            judge(tmp_path / "x.jsonl", fixed({}), names={}, **NO_LIMIT)


WISHES = {
    "hours": [
        "when do you open",
        "are you open on sunday",
        "opening times",
        "do you close at six",
        "open late?",
    ],
    "refund": [
        "where is my refund",
        "I want my money back",
        "refund me",
        "no refund yet",
        "when am I refunded",
    ],
}


def wishes(path: Path, *more: tuple[str, str]) -> Path:
    rows = [(text, name) for name, texts in WISHES.items() for text in texts]
    return write(path, [{"text": t, "intent": y} for t, y in (*rows, *more)])


def intents(path: Path, reader: Reader, **more: Any) -> dict[str, Any]:
    return evaluate.intents(path, reader, **{"shots": 3, "examples": None, **NO_LIMIT, **more})


def test_intents_are_learned_from_a_few_rows_of_the_file_and_tested_on_the_others(
    tmp_path: Path, reader: Reader
) -> None:
    found = intents(wishes(tmp_path / "x.jsonl"), reader)
    assert (found["n"], found["examples"], found["accuracy"]) == (4, 6, 1.0)
    assert "out_of_scope_recall" not in found


def test_what_no_intent_covers_should_be_refused(tmp_path: Path, reader: Reader) -> None:
    path = wishes(tmp_path / "x.jsonl", ("who painted the mona lisa", "oos"), ("sing me a song", "oos"))
    found = intents(path, reader, shots=4)
    assert (found["out_of_scope_n"], found["out_of_scope_recall"]) == (2, 1.0)
    assert found["in_scope_accuracy"] == 1.0


def test_examples_may_come_from_another_file(tmp_path: Path, reader: Reader) -> None:
    examples = wishes(tmp_path / "learn.jsonl")
    path = write(tmp_path / "x.jsonl", [{"text": "is it open today", "intent": "hours|greeting"}])
    found = intents(path, reader, examples=examples, shots=5)
    assert (found["n"], found["accuracy"]) == (1, 1.0)


def test_the_models_own_intents_are_read_by_its_own_head(tmp_path: Path, reader: Reader) -> None:
    path = write(tmp_path / "x.jsonl", [{"text": "I forgot my password", "intent": "password_reset"}])
    found = intents(path, reader)
    assert (found["protocol"], found["accuracy"]) == ("the model's own intents", 1.0)


def test_too_few_messages_for_a_test_are_told(tmp_path: Path, reader: Reader) -> None:
    path = write(tmp_path / "x.jsonl", [{"text": "a", "intent": "x"}, {"text": "b", "intent": "x"}])
    with pytest.raises(BadFile, match="two intents"):
        intents(path, reader)


def test_a_limit_judges_so_many(tmp_path: Path, reader: Reader) -> None:
    assert intents(wishes(tmp_path / "x.jsonl"), reader, limit=2)["n"] == 2
