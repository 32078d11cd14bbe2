"""The trial: champion and candidate answer the same questions, over the same memory, side by side.

Both lean on the conversations that the candidate learned from, never on those that are asked about, so that
what differs is the models: matcher, reply model and score. Questions of conversations that the champion was
trained on are left out. The candidate's score is fitted crosswise. Knows pipelines; what is decided from
the figures is training.gate's business.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from nlp.pipeline import Pipeline
from nlp.pool import USUAL, Explained, Pool
from nlp.ranking import Ranker
from training.evaluate_replies import BATCH
from training.gate import Side, Trial, Values
from training.questions import Question
from training.replies import Judge, hits_at_1, own_words
from training.safety import unsafe

SHOWN = 3
Shown = Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True)
class Answers:
    """What one brain made of all questions, and the seconds that each cost."""

    found: list[Explained]
    seconds: Values


def answers(
    brains: Sequence[Pipeline], questions: Sequence[Question], told: Callable[[int], None]
) -> list[Answers]:
    """Ask every brain everything, in batches as serving does; a batch's time is shared by its questions.

    They take turns, so that what else the machine does slows all of them alike.
    """
    found: list[list[Explained]] = [[] for _ in brains]
    seconds: list[list[float]] = [[] for _ in brains]
    for start in range(0, len(questions), BATCH):
        batch = questions[start : start + BATCH]
        for at, brain in enumerate(brains):
            began = time.monotonic()
            found[at] += brain.explained([q.request for q in batch])
            seconds[at] += [(time.monotonic() - began) / len(batch)] * len(batch)
        told(start + len(batch))
    return [Answers(said, np.array(spent)) for said, spent in zip(found, seconds, strict=True)]


def crosswise(pools: Sequence[Pool], fitted: Callable[[Sequence[int]], Ranker]) -> list[Explained]:
    """What would be shown for each pool by a score that was `fitted` on the other half of the pools."""
    shown: list[Explained] = list(map(partial(Explained, ()), pools))
    for side in (0, 1):
        score = fitted(range(1 - side, len(pools), 2))
        for at in range(side, len(pools), 2):
            shown[at] = Explained(tuple(pools[at].ranked(score, USUAL)), pools[at])
    return shown


def side(brain: Pipeline, questions: Sequence[Question], given: Answers, judge: Judge, seed: int) -> Side:
    """A version's answers as the gate looks at them."""
    shown = [[draft.template for draft in one.drafts][:SHOWN] for one in given.found]
    asked = np.stack([one.pool.place for one in given.found])
    replies = brain.matcher.replies([q.truth for q in questions])
    figures = judge.figures(shown)
    return Side(
        similarity=judge.best(shown, SHOWN),
        first_of_10=hits_at_1(judge.truths, asked, replies, among=10, seed=seed),
        answered=np.array([float(bool(group)) for group in shown]),
        unsafe=np.array([float(sum(bool(unsafe(text)) for text in group)) for group in shown]),
        seconds=given.seconds,
        slot_precision=figures["slot_precision"],
        repeated_4grams=figures["repeated_4gram_rate"],
    )


def compared(champion: Side, candidate: Side, questions: Sequence[Question], kept: Sequence[int]) -> Trial:
    """Both sides over the questions that may judge, by their numbers."""
    rows = np.array(kept, dtype=np.intp)
    asked = [questions[at] for at in kept]
    return Trial(
        _only(champion, rows),
        _only(candidate, rows),
        [q.dialogue.id for q in asked],
        groups(asked),
        own_words([q.truth for q in asked])["repeated_4gram_rate"],
    )


def _only(one: Side, rows: NDArray[np.intp]) -> Side:
    return Side(
        one.similarity[rows],
        one.first_of_10[rows],
        one.answered[rows],
        one.unsafe[rows],
        one.seconds[rows],
        one.slot_precision,
        one.repeated_4grams,
    )


def groups(questions: Sequence[Question]) -> dict[str, NDArray[np.bool_]]:
    """Questions by what was asked for, by mood, and by place in the conversation."""
    named: dict[str, list[bool]] = {}
    for at, question in enumerate(questions):
        reading = question.request.analysis
        labels = [f"mood {reading.sentiment.label}", "opening" if question.at == 1 else "later turn"]
        labels += [f"intent {name}" for name in question.request.asked_for[:1]]
        for label in labels:
            named.setdefault(label, [False] * len(questions))[at] = True
    return {name: np.array(members) for name, members in named.items()}
