"""Shops that the starter was not made for: what its matcher learns from others, and how it ranks there.

Two public sets teach the matcher, but for a fourth of their conversations. Of others some conversations
are remembered and some asked about, as a new shop's would be. Nobody has judged the candidates: what is
known of the demo shop's, how often one so near to what the agent wrote was sendable, stands in for that.
Knows files and the parts of a pipeline; knows no shop of ours.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from nlp import slots
from nlp.generator import Generator
from nlp.matcher import Matcher
from nlp.memory import Knowledge, build_index, templates_of
from nlp.pipeline import Pipeline
from nlp.pool import Pool
from nlp.ranking import TEMPERATURE, Features, Ranker
from nlp.reading import Reader
from nlp.recall import Recall
from training import evaluate_replies as asking
from training import files
from training.matcher import Lesson
from training.privacy import left_for_test
from training.questions import TURNS
from training.ranker import blank, fit_scorer

SHOPS = {
    "en_bitext_request_reply.jsonl.gz": 700,
    "en_cucom_ecommerce_SYNTHETIC.jsonl.gz": 300,
    "en_abcd_retail_chat.jsonl": 200,
    "en_multiwoz_info_desk.jsonl": 200,
}
"""Sets, and how many of their conversations are remembered; other sets are left to measure by."""
COURSES = {
    "en_sgd_services.jsonl.gz": (1100, "Schema-Guided Dialogue, Google", "CC BY-SA 4.0"),
    "en_star_services.jsonl.gz": (1400, "STAR, Rasa", "MIT"),
}
"""Sets that teach the matcher: how many of their conversations, source and licence."""
ASKED_SHARE, MOMENTS = 0.2, 150
"""Conversations asked about, as a share of those remembered, and the most moments of a set."""
WEIGHT = 3.0
"""What the strangers' candidates count together, against those that people judged."""

Vectors = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Met:
    """A stranger's moments: a pool of candidates for each, and vectors (n, 384) of what agents wrote."""

    pools: tuple[Pool, ...]
    truths: Vectors

    def rows(self) -> tuple[list[Features], NDArray[np.float64]]:
        """Features of all candidates, and how near each came, as a cosine of 0..1."""
        found: list[Features] = []
        near: list[float] = []
        for pool, truth in zip(self.pools, self.truths, strict=True):
            found += pool.looked_at(TEMPERATURE)[1]
            near += [max(0.0, float(one.vector @ truth)) for one in pool.candidates]
        return found, np.array(near)


def courses(folder: Path, reader: Reader, seed: int = 17) -> list[list[Lesson]]:
    """What the matcher learns from other shops, a course for each; raises BadFile."""
    out = []
    for name, (count, _, _) in COURSES.items():
        told = [
            replace(one, id=asking.digest(one)) for one in files.rows(folder / name, files.conversation_row)
        ]
        told = [one for one in told if not left_for_test(one.id)]
        random.Random(seed).shuffle(told)
        templates = templates_of([one.turns for one in told[:count]], reader, {})
        out.append(
            [
                Lesson(tuple(turns[max(0, at - TURNS) : at]), turns[at][1], one.id)
                for one, turns in zip(told[:count], templates, strict=True)
                for at in asking.answers(one)
            ]
        )
    return out


def meet(
    path: Path, remembered: int, reader: Reader, generator: Generator, matcher: Matcher, seed: int
) -> Met:
    """What the starter's parts find and draft for a set; raises BadFile."""
    rng = random.Random(seed)
    conversations = list(files.rows(path, files.conversation_row))
    rng.shuffle(conversations)
    kept = conversations[:remembered]
    asked = conversations[remembered : round(remembered * (1 + ASKED_SHARE))]
    index = build_index(Knowledge({}, (), list(asking.items(kept))), reader)
    brain = Pipeline(path.name, reader, generator, matcher, blank(), Recall(index, matcher), ())
    moments = [(one, at) for one in asked for at in asking.answers(one)]
    rng.shuffle(moments)
    questions = asking.questions_of(moments[:MOMENTS], brain)
    pools = tuple(one.pool for one in asking.explained(brain, questions))
    return Met(pools, reader.encoder.embed([slots.spoken(one.truth) for one in questions]))


def fit_for_strangers(
    rows: Sequence[Features], send: NDArray[np.bool_], near: NDArray[np.float64], met: Sequence[Met]
) -> Ranker:
    """The score for a shop where nobody has judged anything.

    `rows`, `send` and `near` (n,) are candidates that people judged elsewhere, their verdicts, and their
    cosines to what the agent wrote.
    """
    sendable = LogisticRegression(C=100.0).fit(near[:, None], send)
    others: list[Features] = []
    chances: list[NDArray[np.float64]] = []
    for one in met:
        found, cosines = one.rows()
        others += found
        chances.append(sendable.predict_proba(cosines[:, None])[:, 1])
    weights = np.repeat([1.0, WEIGHT * len(rows) / len(others)], [len(rows), len(others)])
    labels = np.concatenate([send.astype(np.float64), *chances])
    return fit_scorer([*rows, *others], labels, weights=weights)
