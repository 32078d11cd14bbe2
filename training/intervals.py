"""How far a measured figure may be off: percentile bootstrap over rows (Efron, 1979).

Pure; the bootstrap is nlp.gains', Wilson's interval of a share nlp.shares', and both are passed on here.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nlp.gains import Rows as Rows
from nlp.gains import bootstrap as bootstrap
from nlp.shares import Interval
from nlp.shares import of_share as of_share


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
