"""Groups of like messages: found, named, described; steady, and calm with few messages or none."""

from __future__ import annotations

import numpy as np
import pytest

from nlp import discovery
from nlp.discovery import Vectors, described, discover, grouped, without
from nlp.encoder import Encoder
from nlp.types import OUT_OF_SCOPE, Intent

ASKED = {
    "engraving": [
        "Do you engrave rings?",
        "Can I have my initials engraved on a ring",
        "how much is engraving a name",
        "I would like an engraving on the watch",
        "could you engrave this bracelet with a date",
        "is engraving possible on steel",
    ],
    "wrapping": [
        "Can you gift wrap the order?",
        "do you offer gift wrapping",
        "I'd like it wrapped as a gift",
        "gift wrap with a ribbon please",
        "how much is the gift wrapping",
        "please wrap it as a gift for christmas",
    ],
}
ALONE = ["My neighbour plays the trumpet", "what is the capital of Peru"]


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return Encoder.load()


def blobs(count: int, each: int, *, width: int = 80, seed: int = 3) -> tuple[list[str], Vectors]:
    """`count` tight heaps of unit vectors with a text each."""
    rng = np.random.default_rng(seed)
    middles = rng.standard_normal((count, width)).repeat(each, axis=0)
    points = middles + 0.4 * rng.standard_normal((count * each, width))
    texts = [f"topic{'abcdefghij'[row // each]} message {row}" for row in range(count * each)]
    return texts, (points / np.linalg.norm(points, axis=1, keepdims=True)).astype(np.float32)


def test_what_is_asked_alike_is_one_group_with_a_name_from_its_words(encoder: Encoder) -> None:
    texts = [*ASKED["engraving"], *ALONE, *ASKED["wrapping"]]
    found = discover(texts, encoder.embed(texts))
    assert {frozenset(texts[row] for row in one.rows) for one in found} == {
        frozenset(group) for group in ASKED.values()
    }
    for one in found:
        assert 3 <= len(one.examples) <= 5 and set(one.examples) <= set(one.rows)
        assert 0.4 < one.cohesion <= 1
    assert any("engrav" in one.name for one in found) and any("gift" in one.name for one in found)


@pytest.mark.parametrize("texts", [[], ["Hello"], ["Hello", "Where is it?"], ["", "  ", "?!"] * 5])
def test_few_messages_or_none_are_no_group(texts: list[str]) -> None:
    assert discover(texts, np.eye(max(len(texts), 1), 384, dtype=np.float32)[: len(texts)]) == []


def test_the_same_text_again_and_again_is_a_group_shown_once() -> None:
    texts = ["Where is my parcel?", "where is my  PARCEL"] * 4
    (one,) = discover(texts, np.tile(np.eye(1, 384, dtype=np.float32), (8, 1)))
    assert len(one.rows) == 8 and len(one.examples) == 1
    assert one.name == "parcel" and one.cohesion == pytest.approx(1)


def test_near_duplicates_do_not_fill_the_examples() -> None:
    texts, vectors = blobs(1, 12)
    vectors[:8] = vectors[0]
    (one,) = described(texts, vectors, np.zeros(12, dtype=np.intp))
    assert sum(row < 8 for row in one.examples) == 1


def test_many_messages_fall_into_their_heaps() -> None:
    texts, vectors = blobs(10, 40)
    groups = grouped(texts, vectors).reshape(10, 40)
    assert all(len(set(heap)) == 1 for heap in groups.tolist())
    assert len(set(groups[:, 0].tolist())) == 10


def test_messages_beyond_what_the_linkage_looks_at_join_its_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discovery, "AT_ONCE", 250)
    texts, vectors = blobs(10, 60)
    groups = grouped(texts, vectors).reshape(10, 60)
    assert all(len(set(heap)) == 1 for heap in groups.tolist())


def test_the_same_messages_give_the_same_groups() -> None:
    texts, vectors = blobs(6, 40)
    assert discover(texts, vectors) == discover(texts, vectors)


def test_names_are_snake_case_and_never_twice() -> None:
    texts = ["Gift wrap please"] * 5 + ["gift wrap!", "wrap gift"] * 3 + ["请问你们几点开门"] * 5
    groups = np.array([0] * 5 + [1] * 6 + [2] * 5)
    found = described(texts, np.ones((16, 4), np.float32) / 2, groups, taken=["new_intent_1"])
    names = [one.name for one in found]
    assert len(set(names)) == 3 and "new_intent_1" not in names and "gift_wrap" in names
    assert all(name.replace("_", "").isalnum() and name.isascii() for name in names)


def test_blanked_words_name_nothing() -> None:
    texts = ["Anna Freeman asks for an engraving"] * 5
    words = [without(text, [(0, 12)]) for text in texts]
    (one,) = described(texts, np.ones((5, 4), np.float32) / 2, np.zeros(5, np.intp), words=words)
    assert one.keywords == ("asks", "engraving") and one.name == "asks_engraving"


def test_unsure_is_what_is_improbable_or_out_of_scope() -> None:
    assert Intent("refund", 0.49).unsure() and Intent(OUT_OF_SCOPE, 0.99).unsure()
    assert not Intent("refund", 0.5).unsure() and Intent("refund", 0.5).unsure(floor=0.6)
