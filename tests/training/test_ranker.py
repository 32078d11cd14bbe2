"""The score learns what it is shown."""

from __future__ import annotations

import dataclasses

import numpy as np

from nlp.ranking import Features
from training.ranker import fit_scorer


def test_the_score_follows_the_feature_that_matters() -> None:
    rng = np.random.default_rng(4)
    blank = Features(*[0.0] * len(Features.names()))
    rows = [
        dataclasses.replace(blank, match=float(rng.random()), words=float(rng.random())) for _ in range(400)
    ]
    good = np.array([r.match > 0.6 for r in rows])
    scores = fit_scorer(rows, good).scores(rows)
    assert scores[good].mean() > 0.7 > 0.3 > scores[~good].mean()
