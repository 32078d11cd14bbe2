"""Fit the ranker's score: the probability that an agent would send a candidate unchanged.

A logistic regression on the features of candidates that people judged. Knows features only.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from nlp.ranking import Features, Ranker


def fit_scorer(rows: Sequence[Features], send: NDArray[np.bool_]) -> Ranker:
    """A ranker from candidates' features and whether people would have sent them."""
    values = np.array([r.row() for r in rows])
    mean, spread = values.mean(0), values.std(0)
    spread[spread < 1e-6] = 1.0
    model = LogisticRegression(C=0.5, max_iter=1000).fit((values - mean) / spread, send)
    return Ranker(model.coef_[0], float(model.intercept_[0]), np.stack([mean, spread]))
