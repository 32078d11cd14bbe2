"""Fit the ranker's score: the probability that an agent would send a candidate unchanged.

A logistic regression on the features of candidates: on what people said of them, or, before anybody
has said anything, on how near they came to what the agent wrote. Knows candidates and features only.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from nlp.pool import Pool
from nlp.ranking import TEMPERATURE, Features, Ranker

Vectors = NDArray[np.float32]

TEMPERATURES = (0.03, 0.04, 0.06, 0.08, 0.1, 0.12, 0.16, 0.24)
SHOWN, ALIKE = 3, 0.9


def blank() -> Ranker:
    """A ranker that knows nothing yet, for looking at candidates."""
    width = len(Features.names())
    return Ranker(np.zeros(width), 0.0, np.stack([np.zeros(width), np.ones(width)]))


def fit_scorer(
    rows: Sequence[Features],
    send: NDArray[np.floating | np.bool_],
    temperature: float = TEMPERATURE,
    weights: NDArray[np.floating] | None = None,
) -> Ranker:
    """A ranker from candidates' features and whether people would have sent them, as 0..1 each.

    `weights` (n,) say how much each candidate counts; all the same where there are none.
    """
    values = np.array([r.row() for r in rows])
    counted = np.ones(len(rows)) if weights is None else weights
    mean = np.average(values, axis=0, weights=counted)
    spread = np.sqrt(np.average((values - mean) ** 2, axis=0, weights=counted))
    spread[spread < 1e-6] = 1.0
    scaled, share = (values - mean) / spread, send.astype(np.float64)
    model = LogisticRegression(C=0.5, max_iter=1000).fit(
        np.concatenate([scaled, scaled]),
        np.repeat([1, 0], len(rows)),
        np.concatenate([counted * share, counted * (1 - share)]),
    )
    return Ranker(model.coef_[0], float(model.intercept_[0]), np.stack([mean, spread]), temperature)


def fit_to_truths(pools: Sequence[Pool], truths: Vectors) -> Ranker:
    """A ranker from how near the candidates came to what agents wrote.

    `truths` (n, 384) are the sentence vectors of the true replies. A candidate counts as sendable in
    the share of its cosine.
    """
    temperature = best_temperature(pools, truths)
    return fit_scorer(*near_rows(pools, truths, temperature), temperature)


def near_rows(
    pools: Sequence[Pool], truths: Vectors, temperature: float
) -> tuple[list[Features], NDArray[np.float64]]:
    """All candidates' features, and how near each came, 0..1."""
    rows: list[Features] = []
    near: list[float] = []
    for pool, truth in zip(pools, truths, strict=True):
        rows += pool.looked_at(temperature)[1]
        near += [max(0.0, float(one.vector @ truth)) for one in pool.candidates]
    return rows, np.array(near)


def best_temperature(pools: Sequence[Pool], truths: Vectors) -> float:
    """By which temperature SHOWN candidates, chosen by what they cover, come nearest to the truths."""
    reached = [sum(map(_reached, pools, truths, [one] * len(pools))) for one in TEMPERATURES]
    return TEMPERATURES[int(np.argmax(reached))]


def _reached(pool: Pool, truth: Vectors, temperature: float) -> float:
    if not pool.candidates:
        return 0.0
    vectors = np.stack([one.vector for one in pool.candidates])
    expectation = pool.expectation.sharpened(TEMPERATURE / temperature)
    even = np.ones(len(vectors), np.float32)
    chosen = expectation.cover(vectors, even, SHOWN, alike=ALIKE)
    return float((vectors[chosen] @ truth).max())
