"""Exact search: nearest first, no text twice."""

from __future__ import annotations

import numpy as np
import pytest

from nlp.retrieval import NEVER, Entry, Index, passages


def unit(*values: float) -> np.ndarray:
    wide = np.zeros(384, dtype=np.float32)
    wide[: len(values)] = values
    return wide / np.linalg.norm(wide)


def index(*rows: tuple[Entry, np.ndarray]) -> Index:
    return Index([e for e, _ in rows], [v for _, v in rows], [unit(0, 0, 1) for _ in rows])


NOTHING = np.zeros(3, dtype=np.float32)
REPLIES = (
    (Entry("reply", "a", "", "same words", ("late",)), unit(1, 0)),
    (Entry("reply", "b", "", "same words", ("late",)), unit(1, 0.1)),
    (Entry("reply", "c", "", "other words", ("late", "lost")), unit(0, 1)),
)
PASSAGE = (Entry("article", "d", "Title", "a passage"), unit(1, 0))


def test_nearest_first_and_each_text_once() -> None:
    made = index(*REPLIES, PASSAGE)
    found = made.nearest_replies(unit(1, 0.02), NOTHING, 3).replies
    assert [e.id for e in found] == ["a", "c"]
    assert found[0].score == pytest.approx(1.0, abs=1e-3)
    assert made.intents_of("c") == {"late", "lost"} and made.intents_of("nobody") == set()
    assert made.about({"lost", "unheard_of"}).tolist() == [False, False, True]
    assert made.about({"late"}).all() and not made.about(()).any()
    assert [e.title for e in made.nearest_passages(unit(1, 0), 2)] == ["Title"]


def test_what_answers_better_goes_first_and_the_score_stays_the_cosine() -> None:
    found = index(*REPLIES).nearest_replies(unit(1, 0.02), np.array([0, 0, 2], dtype=np.float32), 1)
    assert [e.id for e in found.replies] == ["c"]
    assert found.replies[0].score == pytest.approx(0.02, abs=1e-3)


def test_what_may_be_said_holds_repeats_and_nothing_that_is_ruled_out() -> None:
    match = np.array([0, 0, NEVER], dtype=np.float32)
    found = index(*REPLIES).nearest_replies(unit(1, 0.02), match, 3)
    assert [e.id for e in found.replies] == ["a"]
    assert found.vectors.shape == (2, 384) and found.order[0] >= found.order[1]


def test_what_nobody_mentioned_and_few_replies_say_is_novel() -> None:
    common = [(Entry("reply", str(i), "", f"your order number {i}", ""), unit(1, i)) for i in range(30)]
    made = index(*common, (Entry("reply", "x", "", "enjoy the shoelaces", ""), unit(1)))
    order = made.novelty("Your order number?", ["hello"])
    laces = made.novelty("The shoelaces, wellingtons and granddaughters?", ["hello"])
    assert order < 0.2 < 0.7 < laces
    assert made.novelty("The shoelaces?", ["my shoelace broke"]) < made.novelty("The shoelaces?", ["hello"])


def test_the_vector_of_a_text_is_known() -> None:
    made = index(*REPLIES)
    assert made.vector_of("other words") is not None
    assert made.vector_of("never said") is None


def test_an_empty_index_finds_nothing() -> None:
    made = index()
    assert made.nearest_replies(unit(1), NOTHING[:0], 3).replies == [] == made.nearest_passages(unit(1), 3)


def test_vectors_and_entries_must_agree() -> None:
    with pytest.raises(ValueError, match="as many"):
        Index([], [unit(1)], [])


def test_passages_keep_whole_sentences_and_lose_nothing() -> None:
    body = " ".join(f"This is sentence number {i} of the article." for i in range(20))
    parts = passages(body)
    assert " ".join(parts) == body
    assert all(p.endswith(".") and len(p.split()) <= 40 for p in parts)
