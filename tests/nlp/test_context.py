"""The retrieval query: three moments, one unit vector."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from nlp.context import QUERY_WIDTH, WEIGHTS, newest, query_parts, query_vectors, short
from nlp.slots import token


def embed(texts: Sequence[str]) -> np.ndarray:
    """A coordinate of its own for each letter that a text begins with."""
    out = np.zeros((len(texts), 384), dtype=np.float32)
    for row, text in enumerate(texts):
        out[row, ord(text[0]) % 384] = 1.0
    return out


def test_the_parts_are_the_newest_what_was_asked_and_the_beginning() -> None:
    turns = [("customer", "first"), ("agent", "which order?"), ("customer", token("order_id"))]
    assert query_parts(turns) == ("order id", "which order?", "first")  # type: ignore[arg-type]
    assert query_parts([("customer", "hello")]) == ("hello", "start", "hello")


def test_the_cosine_is_the_weighted_mean_of_the_parts() -> None:
    one = [("customer", "a"), ("agent", "b"), ("customer", "c")]
    two = [("customer", "x"), ("agent", "b"), ("customer", "c")]
    vectors = query_vectors([one, two], embed)  # type: ignore[list-item]
    assert vectors.shape == (2, QUERY_WIDTH)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx([1.0, 1.0])
    assert float(vectors[0] @ vectors[1]) == pytest.approx((WEIGHTS[0] + WEIGHTS[1]) / sum(WEIGHTS))
    assert newest(vectors[0]) == pytest.approx(embed(["c"])[0])


def test_long_turns_keep_both_ends() -> None:
    text = " ".join(str(i) for i in range(200))
    assert short(text).startswith("0 1 2") and short(text).endswith("198 199")
    assert len(short(text).split()) < 60
