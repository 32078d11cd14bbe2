"""How much better one is than another on the same cases: the mean difference, with its interval.

Chance is told by a percentile bootstrap (Efron, 1979) over whole conversations, since turns of one
conversation go together. Pure; knows not what is measured.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nlp.shares import LEVEL, Interval

ROUNDS = 1000

Rows = NDArray[np.intp]
Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Gain:
    """Candidate less champion, with its interval."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.mean:+.3f} ({self.low:+.3f} to {self.high:+.3f})"


def bootstrap(
    count: int, figure: Callable[[Rows], float], seed: int, *, level: float = LEVEL, rounds: int = ROUNDS
) -> Interval:
    """The central `level` of `figure` over `rounds` draws of `count` rows with replacement.

    `figure` gets row numbers (count,). Without rows the interval is (0, 0).
    """
    if count == 0:
        return 0.0, 0.0
    rng = np.random.default_rng(seed)
    values = [figure(rng.integers(0, count, count)) for _ in range(rounds)]
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def gain(
    champion: Values,
    candidate: Values,
    conversations: Sequence[str],
    seed: int,
    *,
    level: float = LEVEL,
    rounds: int = ROUNDS,
) -> Gain:
    """The mean difference of at least one case, and its interval by a bootstrap over conversations."""
    difference = candidate - champion
    sums, counts = by_conversation(difference, conversations)
    low, high = bootstrap(
        len(sums),
        lambda rows: float(sums[rows].sum() / counts[rows].sum()),
        seed,
        level=level,
        rounds=rounds,
    )
    return Gain(float(difference.mean()), low, high)


def by_conversation(values: Values, conversations: Sequence[str]) -> tuple[Values, Values]:
    """The sum and the count of the values of each conversation."""
    names, of = np.unique(np.array(conversations), return_inverse=True)
    sums, counts = np.bincount(of, values, len(names)), np.bincount(of, minlength=len(names))
    return sums.astype(np.float64), counts.astype(np.float64)
