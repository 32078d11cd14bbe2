"""How far a measured figure may be off: percentile bootstrap over rows (Efron, 1979).

Pure; Wilson's interval of a share is nlp.shares' and passed on here.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from nlp.shares import LEVEL, Interval
from nlp.shares import of_share as of_share

ROUNDS = 1000

Rows = NDArray[np.intp]


def bootstrap(count: int, figure: Callable[[Rows], float], seed: int) -> Interval:
    """The central LEVEL of `figure` over ROUNDS draws of `count` rows with replacement.

    `figure` gets row numbers (count,). Without rows the interval is (0, 0).
    """
    if count == 0:
        return 0.0, 0.0
    rng = np.random.default_rng(seed)
    values = [figure(rng.integers(0, count, count)) for _ in range(ROUNDS)]
    low, high = np.quantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def of_mean(values: NDArray[np.float64], seed: int) -> Interval:
    """The interval of a mean of one number for each row."""
    return bootstrap(len(values), lambda rows: float(values[rows].mean()), seed)


def confusion(truth: NDArray[np.intp], guesses: NDArray[np.intp], classes: int) -> NDArray[np.intp]:
    """(classes, classes) counts, truth by guess."""
    flat = np.bincount(truth * classes + guesses, minlength=classes * classes)
    table: NDArray[np.intp] = flat.reshape(classes, classes)
    return table


def macro_f1_of(table: NDArray[np.intp]) -> float:
    """Mean F1 of the classes that occur in the truth."""
    hits, true, found = table.diagonal(), table.sum(1), table.sum(0)
    scores = 2 * hits / np.maximum(1, true + found)
    return float(scores[true > 0].mean()) if true.any() else 0.0


def macro_recall_of(table: NDArray[np.intp]) -> float:
    """Mean recall of the classes that occur in the truth."""
    true = table.sum(1)
    scores = table.diagonal() / np.maximum(1, true)
    return float(scores[true > 0].mean()) if true.any() else 0.0
