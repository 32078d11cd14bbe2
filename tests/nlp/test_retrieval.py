"""Exact search: nearest first, no text twice."""

from __future__ import annotations

import numpy as np
import pytest

from nlp.retrieval import Entry, Index, passages


def unit(*values: float) -> np.ndarray:
    wide = np.zeros(384, dtype=np.float32)
    wide[: len(values)] = values
    return wide / np.linalg.norm(wide)


def test_nearest_first_of_the_wanted_kind_and_each_text_once() -> None:
    entries = [
        Entry("reply", "a", "", "same words", "late"),
        Entry("reply", "b", "", "same words", "late"),
        Entry("reply", "c", "", "other words", "lost"),
        Entry("article", "d", "Title", "a passage"),
    ]
    index = Index(entries, np.stack([unit(1, 0), unit(1, 0.1), unit(0, 1), unit(1, 0)]))
    found = index.nearest(unit(1, 0.02), "reply", 3)
    assert [e.id for e in found] == ["a", "c"]
    assert found[0].score == pytest.approx(1.0, abs=1e-3)
    assert index.intent_of("c") == "lost"
    assert [e.title for e in index.nearest(unit(1, 0), "article", 2)] == ["Title"]


def test_an_empty_index_finds_nothing() -> None:
    assert Index([], np.zeros((0, 384), dtype=np.float32)).nearest(unit(1), "reply", 3) == []


def test_vectors_and_entries_must_agree() -> None:
    with pytest.raises(ValueError, match="as many"):
        Index([], np.zeros((1, 384), dtype=np.float32))


def test_passages_keep_whole_sentences_and_lose_nothing() -> None:
    body = " ".join(f"This is sentence number {i} of the article." for i in range(20))
    parts = passages(body)
    assert " ".join(parts) == body
    assert all(p.endswith(".") and len(p.split()) <= 40 for p in parts)
