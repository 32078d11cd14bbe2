"""Customers' turns in other words for the matcher, and whether they helped: one taught with, one without.

Only what is learned from is reworded, never what was set aside, and no reply. Knows questions, translators
and matchers; knows no round.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nlp import slots
from nlp.context import Embed
from nlp.errors import ModelError
from nlp.matcher import Matcher
from training.augmentation import Marian, augmented, back_translated
from training.corpus import Dialogue
from training.gate import gain
from training.lessons import match_lessons
from training.matcher import Lesson
from training.questions import TURNS, Question
from training.replies import hits_at_1

EDA, TRANSLATE = "eda", "translate="
THERE, BACK = "there", "back"
TIMES = 2
"""Edited variants of each conversation."""
AMONG = 10
TRIED = 4
"""Conversations that are translated to see how long one takes."""

Planned = Callable[[str, Callable[[], int]], int]


def check(way: str) -> None:
    """Raise ModelError where this is no way to reword: `eda`, or `translate=FOLDER` with both directions."""
    if way == EDA:
        return
    if not way.startswith(TRANSLATE):
        raise ModelError(f"{way!r} is no way to augment; use eda, or translate=FOLDER")
    folder = Path(way.removeprefix(TRANSLATE))
    for name in (THERE, BACK):
        if not (folder / name / "config.json").exists():
            raise ModelError(
                f"{folder.name} holds no Marian model in {name}/; back-translation needs two of them, "
                f"{THERE}/ (from your customers' language) and {BACK}/ (into it)"
            )


def lessons(
    questions: Sequence[Question], way: str, seed: int, seconds: float, planned: Planned
) -> list[Lesson]:
    """What a matcher learns from variants of the questions' conversations, their replies as they were.

    Translating may take so many `seconds`, which decide how many conversations it reaches.
    """
    talks = list({q.dialogue.id: q.dialogue for q in questions}.values())
    made = augmented(talks, TIMES, seed) if way == EDA else _translated(talks, way, seed, seconds, planned)
    asked: dict[str, list[int]] = {}
    for question in questions:
        asked.setdefault(question.dialogue.id, []).append(question.at)
    plain = {talk.id: talk for talk in talks}
    found = []
    for one in made:
        for at in asked[one.origin]:
            turns = one.turns[max(0, at - TURNS) : at]
            if turns != plain[one.origin].turns[max(0, at - TURNS) : at]:
                # Of the conversation that it was made from: the two are never each other's wrong answers.
                found.append(Lesson(turns, one.turns[at][1], one.origin))
    return found


def _translated(
    talks: Sequence[Dialogue], way: str, seed: int, seconds: float, planned: Planned
) -> list[Dialogue]:
    folder = Path(way.removeprefix(TRANSLATE))
    there, back = Marian(folder / THERE), Marian(folder / BACK)
    drawn = random.Random(seed).sample(list(talks), len(talks))

    def fitting() -> int:
        began = time.monotonic()
        back_translated(drawn[:TRIED], there, back)
        each = (time.monotonic() - began) / max(1, len(drawn[:TRIED]))
        return max(1, min(len(drawn), int(seconds / max(each, 1e-9))))

    return back_translated(drawn[: planned("translated", fitting)], there, back)


@dataclass(frozen=True, slots=True)
class Gained:
    """What the lessons in other words were worth: true replies first of AMONG, with them and without."""

    questions: int
    without: float
    with_them: float
    interval: tuple[float, float]
    """Of the difference: a paired bootstrap over conversations."""

    @property
    def better(self) -> bool:
        """Is the matcher with them the better one?"""
        return self.with_them > self.without

    def told(self, way: str, plain: int, added: int) -> dict[str, Any]:
        """As the facts of a version have it; of a folder only that it was one."""
        return {
            "how": way if way == EDA else "back-translation",
            "lessons": plain,
            "added": added,
            "questions": self.questions,
            "first_of_10_without": round(self.without, 4),
            "first_of_10_with": round(self.with_them, 4),
            "gain": round(self.with_them - self.without, 4),
            "interval": tuple(round(end, 4) for end in self.interval),
            "kept": self.better,
        }


def compared(
    plain: Matcher, reworded: Matcher, questions: Sequence[Question], embed: Embed, seed: int
) -> Gained:
    """Both matchers on questions that neither was taught, each among the same nine others."""
    truths = embed([slots.spoken(q.truth) for q in questions])
    before, after = (_hits(one, questions, truths, seed) for one in (plain, reworded))
    found = gain(before, after, [q.dialogue.id for q in questions], seed)
    return Gained(len(questions), float(before.mean()), float(after.mean()), (found.low, found.high))


def _hits(
    matcher: Matcher, questions: Sequence[Question], truths: NDArray[np.float32], seed: int
) -> NDArray[np.float64]:
    asked = matcher.conversations([one.turns for one in match_lessons(questions)])
    given = matcher.replies([q.truth for q in questions])
    return hits_at_1(truths, asked, given, among=AMONG, seed=seed).astype(np.float64)
