"""The score learns what it is shown."""

from __future__ import annotations

import dataclasses

import numpy as np

from nlp.expectation import Expectation
from nlp.manner import Manner
from nlp.pool import Pool
from nlp.ranking import TEMPERATURE, Candidate, Features
from nlp.types import Analysis, Intent, ReplyRequest, Sentiment
from training.ranker import TEMPERATURES, best_temperature, fit_scorer, fit_to_truths

ANALYSIS = Analysis("en", 0.9, Sentiment(0.1, 0.8, 0.1), (), Intent("", 0.0), np.zeros(384, np.float32))


def test_the_score_follows_the_feature_that_matters() -> None:
    rng = np.random.default_rng(4)
    blank = Features(*[0.0] * len(Features.names()))
    rows = [
        dataclasses.replace(blank, match=float(rng.random()), words=float(rng.random())) for _ in range(400)
    ]
    good = np.array([r.match > 0.6 for r in rows])
    scores = fit_scorer(rows, good).scores(rows)
    assert scores[good].mean() > 0.7 > 0.3 > scores[~good].mean()


def pool(*candidates: tuple[str, int, float]) -> Pool:
    """A pool in which the likely reply lies on axis 0; a candidate is (text, axis, share of axis 0)."""
    made = []
    for text, axis, share in candidates:
        vector = np.zeros(384, dtype=np.float32)
        vector[0], vector[axis] = share, (1 - share**2) ** 0.5
        made.append(Candidate(text, "reply", vector, -1.0, match=share))
    likely = Expectation.of(np.eye(2, 384, dtype=np.float32), np.array([0.3, 0.0], np.float32), TEMPERATURE)
    request = ReplyRequest([], ANALYSIS, {}, {})
    return Pool(request, tuple(made), likely, frozenset(), (), np.zeros(384, np.float32))


def test_without_verdicts_what_came_near_to_the_truth_is_what_counts() -> None:
    rng = np.random.default_rng(3)
    pools = [pool(*((f"{i}-{n}", 2 + n, float(rng.random())) for n in range(4))) for i in range(40)]
    truths = np.repeat(np.eye(1, 384, dtype=np.float32), 40, axis=0)
    found = fit_to_truths(pools, truths)
    drafts = pools[0].ranked(found, Manner())
    nearest = max(pools[0].candidates, key=lambda one: float(one.vector[0]))
    assert drafts[0].template == nearest.template
    assert found.temperature in TEMPERATURES


def test_the_temperature_is_the_one_that_comes_nearest() -> None:
    truths = np.repeat(np.eye(1, 384, dtype=np.float32), 3, axis=0)
    assert best_temperature([pool(("a", 1, 0.9), ("b", 1, 0.1))] * 3, truths) in TEMPERATURES
    empty = pool()
    assert best_temperature([empty], truths[:1]) == TEMPERATURES[0]
