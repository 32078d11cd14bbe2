from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from nlp.encoder import Encoder
from nlp.entities import LABELS, EntityHead, best_path, word_shapes
from nlp.heads import Heads
from nlp.types import Entity

CLEAR = [
    ("my name is Anna Kowalski", "person", "Anna Kowalski"),
    ("it's Priya Shah", "person", "Priya Shah"),
    ("please send it to 14 Quay Lane", "address", "14 Quay Lane"),
    ("I live in Leeds", "city", "Leeds"),
]


@pytest.fixture(scope="module")
def found() -> dict[str, list[Entity]]:
    texts = [*(text for text, _, _ in CLEAR), "", "😀😀 ok!", "is it warm enough for the winter"]
    return dict(
        zip(
            texts, Heads.load("nlp/starter/heads").entities.predict(Encoder.load().tokens(texts)), strict=True
        )
    )


@pytest.mark.parametrize(("text", "kind", "part"), CLEAR)
def test_names_and_places_are_found(found: dict[str, list[Entity]], text: str, kind: str, part: str) -> None:
    assert [(e.type, e.text) for e in found[text]] == [(kind, part)]


def test_spans_point_into_the_text_and_do_not_overlap(found: dict[str, list[Entity]]) -> None:
    for text, entities in found.items():
        assert all(text[e.start : e.end] == e.text and e.source == "tagger" for e in entities)
        assert all(a.end <= b.start for a, b in pairwise(entities))


def test_plain_words_are_no_entity(found: dict[str, list[Entity]]) -> None:
    assert found[""] == found["😀😀 ok!"] == found["is it warm enough for the winter"] == []


def test_an_inside_label_never_starts_a_span() -> None:
    scores = np.full((2, len(LABELS)), -9.0, dtype=np.float32)
    scores[0, LABELS.index("O")] = -0.1
    scores[1, LABELS.index("I-person")] = -0.1
    scores[1, LABELS.index("B-city")] = -0.5
    assert [LABELS[label] for label in best_path(scores)] == ["O", "B-city"]


def test_shapes_see_what_a_lower_casing_encoder_does_not() -> None:
    shapes = word_shapes(["Hi ANNA 5"], [[(0, 0), (0, 2), (3, 7), (8, 9)]], 5)
    assert shapes.shape == (1, 5, 7)
    assert shapes[0, 1].tolist() == [1, 0, 0, 0, 1, 1, 1]
    assert shapes[0, 2].tolist() == [1, 1, 0, 0, 1, 0, 1]
    assert shapes[0, 3].tolist() == [0, 0, 1, 0, 1, 0, 1]
    assert not shapes[0, 0].any()
    assert not shapes[0, 4].any()


def test_numbers_that_must_not_be_missed_are_kept_from_a_lower_score_on() -> None:
    head = EntityHead()
    head.floor = 0.6
    scores = np.full((2, len(LABELS)), -9.0, dtype=np.float32)
    scores[0, LABELS.index("B-person")] = scores[1, LABELS.index("B-account_id")] = np.log(0.45)
    found = head._spans("anna 4417", [(0, 4), (5, 9)], [0, 1], scores)
    assert [(e.type, e.text) for e in found] == [("account_id", "4417")]
