"""Intervals hold the figure that they belong to, and narrow with more rows."""

from __future__ import annotations

import numpy as np
import pytest

from training import intervals
from training.measures import macro_f1


def test_an_interval_holds_the_mean_and_narrows_with_more_rows() -> None:
    few, many = np.arange(40) % 4 == 0, np.arange(4000) % 4 == 0
    spans = [intervals.of_mean(values.astype(float), 1) for values in (few, many)]
    for low, high in spans:
        assert low <= 0.25 <= high
    assert spans[1][1] - spans[1][0] < (spans[0][1] - spans[0][0]) / 5


def test_a_mean_of_many_has_the_interval_of_the_normal_law() -> None:
    values = (np.arange(1000) % 2).astype(float)
    low, high = intervals.of_mean(values, 5)
    assert high - low == pytest.approx(2 * 1.96 * (0.25 / 1000) ** 0.5, rel=0.1)


def test_the_same_seed_gives_the_same_interval_and_no_rows_give_none() -> None:
    values = np.random.default_rng(0).random(50)
    assert intervals.of_mean(values, 2) == intervals.of_mean(values, 2)
    assert intervals.bootstrap(0, lambda rows: 1.0, 2) == (0.0, 0.0)


def test_figures_of_a_table_are_those_of_its_labels() -> None:
    truth, guesses = [0, 0, 1, 2, 2, 2], [0, 1, 1, 2, 2, 0]
    table = intervals.confusion(np.array(truth), np.array(guesses), 4)
    assert table.tolist() == [[1, 1, 0, 0], [0, 1, 0, 0], [1, 0, 2, 0], [0, 0, 0, 0]]
    names = [list(map(str, labels)) for labels in (truth, guesses)]
    assert intervals.macro_f1_of(table) == pytest.approx(macro_f1(*names))
    assert intervals.macro_recall_of(table) == pytest.approx((0.5 + 1 + 2 / 3) / 3)


def test_the_interval_of_a_share_is_wilsons() -> None:
    # Brown, Cai and DasGupta (2001): it holds at the ends, where the normal law gives no width.
    assert intervals.of_share(1.0, 10) == pytest.approx((0.7225, 1.0), abs=1e-4)
    assert intervals.of_share(0.5, 100) == pytest.approx((0.4038, 0.5962), abs=1e-4)
    assert intervals.of_share(0.3, 0) == (0.0, 1.0)
