"""Few drafts that come near to much of what may be said."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from nlp.expectation import Expectation

EVEN = np.ones(12, dtype=np.float32)


def some(count: int, seed: int) -> np.ndarray:
    rows = np.random.default_rng(seed).standard_normal((count, 384)).astype(np.float32)
    rows[:, 3:] = 0.0
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def made(seed: int, temperature: float = 0.2) -> Expectation:
    order = np.random.default_rng(seed + 100).standard_normal(20).astype(np.float32)
    return Expectation.of(some(20, seed), order, temperature)


def reached(likely: Expectation, chosen: np.ndarray) -> float:
    return float(likely.chances @ np.maximum(likely.vectors @ chosen.T, 0.0).max(1))


def test_chances_sum_to_one_and_follow_the_order() -> None:
    likely = Expectation.of(some(3, 1), np.array([0.2, 0.1, -0.3], np.float32), 0.1)
    assert likely.chances.sum() == pytest.approx(1.0)
    assert likely.chances[0] / likely.chances[1] == pytest.approx(np.e, rel=1e-3)


def test_sharpened_is_a_lower_temperature() -> None:
    order = np.array([0.2, 0.1, -0.3], np.float32)
    cold, warm = Expectation.of(some(3, 1), order, 0.05), Expectation.of(some(3, 1), order, 0.2)
    assert warm.sharpened(4).chances == pytest.approx(cold.chances, abs=1e-5)


@pytest.mark.parametrize("seed", range(8))
def test_the_first_has_the_highest_expected_cosine_and_three_are_near_the_best_three(seed: int) -> None:
    likely, candidates = made(seed), some(12, seed + 50)
    picked = likely.cover(candidates, EVEN, 3, alike=2.0)
    alone = [reached(likely, candidates[[at]]) for at in range(12)]
    assert picked[0] == int(np.argmax(alone))
    best = max(reached(likely, candidates[list(group)]) for group in combinations(range(12), 3))
    assert reached(likely, candidates[picked]) >= (1 - 1 / np.e) * best


def test_what_is_alike_is_picked_once() -> None:
    twins = np.repeat(some(1, 3), 4, axis=0)
    assert len(made(1).cover(twins, EVEN[:4], 3, alike=0.9)) == 1


def test_a_given_first_stays_first_and_worth_counts() -> None:
    likely, candidates = made(2), some(12, 9)
    assert likely.cover(candidates, EVEN, 2, alike=2.0, first=7)[0] == 7
    second = likely.cover(candidates, EVEN, 2, alike=2.0, first=7)[1]
    worth = EVEN.copy()
    worth[second] = 0.0
    assert likely.cover(candidates, worth, 2, alike=2.0, first=7)[1] != second


def test_nothing_known_leaves_it_to_worth() -> None:
    nothing = Expectation.of(np.zeros((0, 384), np.float32), np.zeros(0, np.float32), 0.1)
    worth = np.array([0.1, 0.9, 0.5], np.float32)
    candidates = np.eye(3, 384, dtype=np.float32)
    assert nothing.cover(candidates, worth, 2, alike=0.9) == [1, 2]
    assert nothing.similarity(candidates).tolist() == [0, 0, 0]
    assert nothing.sharpened(2).chances.size == 0
    assert nothing.cover(candidates[:0], worth[:0], 2, alike=0.9) == []
