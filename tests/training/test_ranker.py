"""The ranker learns what it is shown."""

from __future__ import annotations

import dataclasses

import numpy as np

from nlp.ranking import Features
from training.ranker import fit_matcher, fit_scorer


def test_the_matcher_brings_true_pairs_together() -> None:
    rng = np.random.default_rng(3)
    queries = rng.normal(size=(300, 384)).astype(np.float32)
    queries /= np.linalg.norm(queries, axis=1, keepdims=True)
    # Replies are a fixed mixing of their queries: no plain cosine sees it, a linear map can.
    replies = (queries @ rng.normal(size=(384, 384)).astype(np.float32)) / 20
    replies /= np.linalg.norm(replies, axis=1, keepdims=True)
    context, reply = fit_matcher(queries, replies, seed=1, epochs=20)
    scores = (queries @ context) @ (replies @ reply).T
    assert (scores.argmax(1) == np.arange(300)).mean() > 0.9
    assert ((queries @ replies.T).argmax(1) == np.arange(300)).mean() < 0.1


def test_the_score_follows_the_feature_that_matters() -> None:
    rng = np.random.default_rng(4)
    blank = Features(*[0.0] * len(Features.names()))
    rows = [
        dataclasses.replace(blank, match=float(rng.random()), words=float(rng.random())) for _ in range(400)
    ]
    good = np.array([r.match > 0.6 for r in rows])
    eye = np.eye(384, dtype=np.float32)
    ranker = fit_scorer(eye, eye, rows, good)
    scores = ranker.scores(rows)
    assert scores[good].mean() > 0.7 > 0.3 > scores[~good].mean()
