"""What the ranker looks at, and that it never shows the same thing twice."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nlp.errors import ModelError
from nlp.expectation import Expectation
from nlp.ranking import Candidate, Features, Ranker, asked_slots, choose, features
from nlp.slots import token

NOTHING = Expectation.of(np.zeros((0, 384), np.float32), np.zeros(0, np.float32), 0.1)


def ranker(**weights: float) -> Ranker:
    names = Features.names()
    vector = np.array([weights.get(name, 0.0) for name in names])
    scale = np.stack([np.zeros(len(names)), np.ones(len(names))])
    return Ranker(vector, 0.0, scale)


def candidate(template: str, at: int, **more: object) -> Candidate:
    vector = np.zeros(384, dtype=np.float32)
    vector[at] = 1.0
    return Candidate(template, "generated", vector, -1.0, **{"match": 0.5, **more})  # type: ignore[arg-type]


def test_asking_for_what_is_known_is_seen() -> None:
    assert asked_slots("Could you send me your order number, please?") == {"order_id"}
    assert asked_slots(f"Thanks, I have your order number {token('order_id')}.") == frozenset()
    assert asked_slots("The order number stands in the confirmation.") == frozenset()


def test_a_draft_that_asks_again_scores_lower() -> None:
    made = ranker(asks_known=-3.0)
    pool = [candidate("What is your order number?", 1), candidate("I'm on it.", 2)]
    scores = made.scores(features(pool, NOTHING, frozenset(["order_id"]), []))
    assert scores[0] < scores[1]


def test_unfilled_slots_and_repeating_oneself_are_counted() -> None:
    pool = [candidate(f"On {token('eta_date')} for {token('email')}", 1), candidate("Hello there.", 2)]
    found = features(pool, NOTHING, frozenset(["email"]), ["hello  There."])
    assert [f.unfilled for f in found] == [1.0, 0.0]
    assert [f.repeats_agent for f in found] == [0.0, 1.0]


def test_the_lead_is_the_distance_to_the_best_match() -> None:
    pool = [candidate("a", 1, match=0.4), candidate("b", 2, match=0.7)]
    found = features(pool, NOTHING, frozenset(), [])
    assert [f.lead for f in found] == [pytest.approx(-0.3), 0.0]


def test_the_best_that_differ_are_chosen() -> None:
    pool = [candidate("a", 1), candidate("b", 1), candidate("c", 2)]
    assert choose(pool, np.array([0.9, 0.8, 0.1]), NOTHING, 3) == [0, 2]


def test_the_second_shares_out_what_the_first_leaves_uncovered() -> None:
    pool = [candidate("a", 1), candidate("nearly a", 1), candidate("b", 2), candidate("c", 3)]
    pool[1].vector[4] = 0.5  # near to a, and not the same
    likely = Expectation.of(np.stack([pool[0].vector, pool[2].vector]), np.array([0.1, 0.0], np.float32), 0.1)
    assert choose(pool, np.array([0.9, 0.8, 0.7, 0.75]), likely, 2, alike=2.0) == [0, 2]


def test_what_comes_near_to_the_likely_is_expected() -> None:
    pool = [candidate("a", 1), candidate("b", 2)]
    likely = Expectation.of(np.stack([pool[0].vector]), np.zeros(1, np.float32), 0.1)
    assert [f.expected for f in features(pool, likely, frozenset(), [])] == [1.0, 0.0]


def test_saved_and_loaded_is_the_same(tmp_path: Path) -> None:
    made = ranker(match=2.0, words=-1.0)
    made.temperature = 0.3
    made.save(tmp_path)
    assert Ranker.load(tmp_path).temperature == pytest.approx(0.3)
    pool = [candidate("some words here", 3)]
    found = features(pool, NOTHING, frozenset(), [])
    assert Ranker.load(tmp_path).scores(found) == pytest.approx(made.scores(found))


def test_a_missing_or_foreign_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="can't be read"):
        Ranker.load(tmp_path)
    Ranker(np.zeros(3), 0.0, np.zeros((2, 3))).save(tmp_path)
    with pytest.raises(ModelError, match="other features"):
        Ranker.load(tmp_path)
