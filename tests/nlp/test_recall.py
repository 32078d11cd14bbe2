"""A memory that grows while it serves: a part at first, then slices; and kept between starts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from nlp import recall
from nlp.memory import IndexBuilder, Knowledge
from nlp.recall import SLICE, Recall
from nlp.types import KnowledgeItem, Turn
from tests.fake_reader import FakeReader

COUNT = 30 * SLICE + 3
SHOP = Knowledge(
    {},
    (),
    tuple(
        KnowledgeItem("reply", f"r{n}", "", f"Answer {n} of the shop", (Turn("customer", f"Question {n}"),))
        for n in range(COUNT)
    ),
)


class CountingMatcher:
    """Vectors that tell their text; `read` is what it was asked for."""

    digest = "one"

    def __init__(self) -> None:
        self.read: list[str] = []

    def replies(self, templates: Sequence[str]) -> np.ndarray:
        self.read += templates
        made = np.zeros((len(templates), 384), dtype=np.float32)
        for row, text in enumerate(templates):
            made[row, int(text.split()[1])] = 1.0
        return made


def remembered(matcher: CountingMatcher, cache: Path | None = None, at_first: int | None = None) -> Recall:
    builder = IndexBuilder(SHOP, FakeReader(), cache=cache)  # type: ignore[arg-type]
    return Recall.of(builder, matcher, cache, at_first)  # type: ignore[arg-type]


def row(number: int) -> np.ndarray:
    return np.eye(384, dtype=np.float32)[number]


def test_all_is_read_where_nothing_else_is_said() -> None:
    made = remembered(CountingMatcher())
    assert made.unread == 0 and len(made.index.replies) == COUNT
    made.read_on()
    assert len(made.index.replies) == COUNT


def test_a_part_serves_and_the_rest_is_taken_in() -> None:
    matcher = CountingMatcher()
    made = remembered(matcher, at_first=5 * SLICE)
    assert (len(made.index.replies), made.unread) == (5 * SLICE, COUNT - 5 * SLICE)
    made.read_on()
    assert (len(made.index.replies), made.unread) == (5 * SLICE, COUNT - 6 * SLICE)
    made.read_on()
    assert len(made.index.replies) == 7 * SLICE
    while made.unread:
        made.read_on()
    assert len(made.index.replies) == COUNT
    assert sorted(matcher.read) == sorted(made.index.replies)
    # Every reply has its own vector, in the order of the index.
    best = int(np.argmax(made.match(row(7), 0.0, ())))
    assert made.index.replies[best] == "Answer 7 of the shop"
    assert made.places(["Answer 7 of the shop", "another"])["Answer 7 of the shop"][7] == 1.0


def test_replies_to_those_who_asked_for_the_same_go_first() -> None:
    items = [
        KnowledgeItem(
            "reply", f"r{n}", "", f"Answer {n} of the shop", (Turn("customer", "And then?"),), intent
        )
        for n, intent in enumerate(["late", "refund", "late"])
    ]
    builder = IndexBuilder(Knowledge({}, (), items), FakeReader())  # type: ignore[arg-type]
    made = Recall.of(builder, CountingMatcher(), None, None)  # type: ignore[arg-type]
    found = made.match(row(9), 0.0, ("refund", "greeting")) - made.match(row(9), 0.0, ())
    assert found.tolist() == pytest.approx([0.0, recall.TOPIC_WEIGHT, 0.0])


def test_a_start_goes_on_from_what_was_taken_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recall, "TAKEN_IN", 1000)
    first = remembered(CountingMatcher(), tmp_path, at_first=SLICE)
    first.read_on()
    matcher = CountingMatcher()
    again = remembered(matcher, tmp_path, at_first=SLICE)
    assert (len(again.index.replies), matcher.read) == (2 * SLICE, [])
    while again.unread:
        again.read_on()
    assert len(matcher.read) == COUNT - 2 * SLICE
    last = CountingMatcher()
    assert remembered(last, tmp_path, at_first=SLICE).unread == 0 and last.read == []
