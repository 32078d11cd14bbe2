"""The score from the ledger: what agents did with drafts says what is sent unchanged, and how often.

Before anybody has judged drafts, the score learns from how near candidates came to what agents wrote. Where
enough drafts of conversations set aside were judged, these teach it too, and set its odds, so that 0.4 means
four in ten (Platt, 1999). Their features are read by the version in the making, not taken from the one that
showed them. Knows pools and questions; knows no file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score

from nlp.pipeline import Pipeline
from nlp.pool import Pool
from nlp.ranking import Features, Ranker
from training.evaluate_replies import BATCH
from training.files import Drafted
from training.ledger import LITTLE, Drafts, changed
from training.measures import calibration_error
from training.progress import Progress
from training.questions import Question
from training.ranker import best_temperature, fit_scorer, fit_to_truths, near_rows

FEWEST = 100
"""Moments set aside at which drafts were judged, until they teach the score."""
WEIGHT = 3.0
"""Of a judged draft, beside a candidate of which only the distance to the agent's reply is known."""

Numbers = NDArray[np.float64]
Vectors = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Material:
    """What a score is fitted on: pools of questions, vectors of their true replies, their conversations."""

    pools: Sequence[Pool]
    truths: Vectors
    conversations: Sequence[str]

    def only(self, rows: Sequence[int]) -> Material:
        """These questions."""
        return Material(
            [self.pools[at] for at in rows],
            self.truths[list(rows)],
            [self.conversations[at] for at in rows],
        )

    def without(self, conversations: frozenset[str]) -> Material:
        """All questions of other conversations."""
        return self.only([at for at, one in enumerate(self.conversations) if one not in conversations])


@dataclass(frozen=True, slots=True)
class Review:
    """A moment at which an agent judged drafts: would they send the candidate of this number unchanged?"""

    question: str
    conversation: str
    pool: Pool
    verdicts: Mapping[int, bool]


def verdicts(sent: str, drafts: Sequence[Drafted]) -> list[bool | None]:
    """What an agent's reply says of each draft: None where nothing.

    What stood above the draft that they took was seen and passed over (Joachims, 2002); what stood below it
    may never have been read. Who writes their own has passed over all.
    """
    taken = next((at for at, one in enumerate(drafts) if one.outcome in ("accepted", "edited")), len(drafts))
    found: list[bool | None] = []
    for at, one in enumerate(drafts):
        if one.outcome == "ignored" and at > taken:
            found.append(None)
        elif one.outcome == "edited":
            found.append(changed(one.text, sent) <= LITTLE)
        else:
            found.append(one.outcome == "accepted")
    return found


def reviews(
    brain: Pipeline, questions: Sequence[Question], drafts: Drafts, progress: Progress
) -> list[Review]:
    """The judged drafts of these questions, as the brain sees them; where one says nothing it is left out."""
    found = []
    for start in range(0, len(questions), BATCH):
        some = questions[start : start + BATCH]
        shown = [drafts[q.dialogue.id, q.at] for q in some]
        pools = brain.weighed([q.request for q in some], [[one.text for one in group] for group in shown])
        for question, group, pool in zip(some, shown, pools, strict=True):
            places = {one.template: at for at, one in enumerate(pool.candidates)}
            said = zip(group, verdicts(question.truth, group), strict=True)
            known = {places[one.text]: good for one, good in said if good is not None}
            if known:
                found.append(Review(question.id, question.dialogue.id, pool, known))
        progress("reading what agents did with drafts", start + len(some), len(questions))
    return found


def fit(material: Material, judged: Sequence[Review]) -> Ranker:
    """A score from how near candidates came, and, where drafts were judged, from that too."""
    if not judged:
        return fit_to_truths(material.pools, material.truths)
    logits, sent = _apart(material, judged, judged)
    return _taught(material, judged).with_odds(*_odds(logits, sent))


def _taught(material: Material, judged: Sequence[Review]) -> Ranker:
    if not judged:
        return fit_to_truths(material.pools, material.truths)
    temperature = best_temperature(material.pools, material.truths)
    rows, near = near_rows(material.pools, material.truths, temperature)
    own, sent = _rows(judged, temperature)
    weights = np.concatenate([np.ones(len(rows)), np.full(len(own), WEIGHT)])
    return fit_scorer([*rows, *own], np.concatenate([near, sent]), temperature, weights)


def _rows(judged: Sequence[Review], temperature: float) -> tuple[list[Features], Numbers]:
    rows: list[Features] = []
    sent: list[float] = []
    for one in judged:
        found = one.pool.looked_at(temperature)[1]
        rows += [found[at] for at in one.verdicts]
        sent += map(float, one.verdicts.values())
    return rows, np.array(sent)


def _halves(judged: Sequence[Review]) -> tuple[list[Review], list[Review]]:
    """By conversation, so that both drafts and moments of one are together."""
    names = {name: at % 2 for at, name in enumerate(sorted({one.conversation for one in judged}))}
    return (
        [one for one in judged if names[one.conversation] == 0],
        [one for one in judged if names[one.conversation] == 1],
    )


def _apart(
    material: Material, judged: Sequence[Review], taught_by: Sequence[Review]
) -> tuple[Numbers, Numbers]:
    """Log-odds of judged drafts by scores that have seen nothing of their conversations, and the verdicts.

    `taught_by` are the reviews that those scores learn from: all, or none.
    """
    logits, sent = [], []
    for half in _halves(judged):
        names = frozenset(one.conversation for one in half)
        rest = material.without(names)
        score = _taught(
            rest if rest.pools else material, [one for one in taught_by if one.conversation not in names]
        )
        rows, verdict = _rows(half, score.temperature)
        chances = score.scores(rows).clip(1e-6, 1 - 1e-6)
        logits.append(np.log(chances / (1 - chances)))
        sent.append(verdict)
    return np.concatenate(logits), np.concatenate(sent)


def _odds(logits: Numbers, sent: Numbers) -> tuple[float, float]:
    """Slope and shift of the log-odds by which they say how often drafts are sent; the order stays."""
    model = LogisticRegression(C=100.0).fit(logits[:, None], sent > 0.5)
    slope = float(model.coef_[0, 0])
    if slope <= 0:
        return 1.0, _shift(logits, sent)
    return slope, float(model.intercept_[0])


def _shift(logits: Numbers, sent: Numbers) -> float:
    """By how much all log-odds are off in the mean, by bisection."""
    low, high = -20.0, 20.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _chances(logits + middle).mean() < sent.mean() else (low, middle)
    return (low + high) / 2


def _chances(logits: Numbers) -> Numbers:
    chances: Numbers = 1.0 / (1.0 + np.exp(-logits))
    return chances


def tried(material: Material, judged: Sequence[Review]) -> dict[str, Any]:
    """What judged drafts would do for the score, as a version's facts; "used" says whether they do.

    Every draft is scored by what nothing of its half of the conversations has taught or set.
    """
    facts: dict[str, Any] = {"reviewed": len(judged), "needed": FEWEST, "used": False}
    if len(judged) < FEWEST:
        return {**facts, "why": f"{len(judged)} of {FEWEST} moments set aside at which drafts were judged"}
    sides = [np.array([good for one in half for good in one.verdicts.values()]) for half in _halves(judged)]
    if any(side.all() or not side.any() for side in sides):
        return {**facts, "why": "agents judged all drafts alike"}
    plain, sent = _apart(material, judged, ())
    taught, _ = _apart(material, judged, judged)
    cut = len(sides[0])
    first, second = (_odds(taught[half], sent[half]) for half in (slice(cut, None), slice(cut)))
    after = np.concatenate(
        [_chances(first[0] * taught[:cut] + first[1]), _chances(second[0] * taught[cut:] + second[1])]
    )
    found = {"before": _figures(_chances(plain), sent), "after": _figures(after, sent)}
    better = found["after"]["log_loss"] < found["before"]["log_loss"]
    told = {f"{name}_{when}": value for when, some in found.items() for name, value in some.items()}
    why = "" if better else "the score says no better with them which drafts are sent"
    return {**facts, "used": better, "why": why, "drafts": len(sent), "sent": round(sent.mean(), 4), **told}


def _figures(chances: Numbers, sent: Numbers) -> dict[str, float]:
    found = {
        "calibration_error": calibration_error([bool(one) for one in sent], chances.tolist()),
        "log_loss": float(log_loss(sent, chances, labels=[0, 1])),
        "auc": float(roc_auc_score(sent, chances)),
    }
    return {name: round(value, 4) for name, value in found.items()}
