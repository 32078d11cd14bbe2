"""Figures of suggested replies against what agents really wrote. Knows questions and templates, no model."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import LCSseq

from nlp import slots
from nlp.ranking import Candidate
from nlp.types import ReplyRequest
from training import intervals
from training.questions import Question
from training.verdicts import Verdict

Figures = dict[str, Any]
Vectors = NDArray[np.float32]
Shown = Sequence[Sequence[str]]
RANKS = (1, 3)
SAME = 0.999
"""Cosine from which two replies are the same one."""


class Judge:
    """Suggested templates against the true replies of the same questions."""

    def __init__(self, questions: Sequence[Question], embed: Callable[[Sequence[str]], Vectors]) -> None:
        self._questions, self._embed = questions, embed
        self.truths = embed([slots.spoken(q.truth) for q in questions])
        self._vectors: dict[str, Vectors] = {}

    def figures(self, shown: Shown) -> Figures:
        """The block of figures that stands for the whole engine and for each of its parts."""
        out: Figures = {"coverage": sum(bool(group) for group in shown) / max(1, len(shown))}
        for k in RANKS:
            out[f"similarity_at_{k}"] = float(self.best(shown, k).mean())
        for k in RANKS:
            out[f"rouge_l_at_{k}"] = float(np.mean([self._rouge(q, g[:k]) for q, g in self._pairs(shown)]))
        return {**out, **self._slots(shown), **own_words([text for group in shown for text in group])}

    def best(self, shown: Shown, k: int) -> NDArray[np.float64]:
        """The highest cosine of the first k suggestions to the true reply, 0 where there is none; (n,)."""
        texts = [text for group in shown for text in group if text not in self._vectors]
        fresh = list(dict.fromkeys(texts))
        if fresh:
            self._vectors |= zip(fresh, self._embed([slots.spoken(text) for text in fresh]), strict=True)
        return np.array(
            [
                max((float(self._vectors[text] @ truth) for text in group[:k]), default=0.0)
                for group, truth in zip(shown, self.truths, strict=True)
            ]
        )

    def intervals(self, shown: Shown, seed: int) -> Figures:
        """Bootstrap intervals of the similarities."""
        return {f"similarity_at_{k}": intervals.of_mean(self.best(shown, k), seed) for k in RANKS}

    def _pairs(self, shown: Shown) -> Iterable[tuple[Question, Sequence[str]]]:
        return zip(self._questions, shown, strict=True)

    def _rouge(self, question: Question, group: Sequence[str]) -> float:
        return max((rouge_l(text, question.truth) for text in group), default=0.0)

    def _slots(self, shown: Shown) -> Figures:
        """Of all slots suggested, those that this conversation can fill; of those due, those suggested.

        Due is a slot of the true reply that the customer had given by then; first suggestions only.
        """
        used = right = due = met = unfilled = 0
        for question, group in self._pairs(shown):
            known = _known(question.request)
            for text in group:
                own = [slot for slot in slots.slots_in(text) if slot not in slots.LOOKUP_SLOTS]
                used, right = used + len(own), right + sum(slot in known for slot in own)
                unfilled += any(slot not in known for slot in slots.slots_in(text))
            wanted = set(slots.slots_in(question.truth)) & known
            due += len(wanted)
            met += len(wanted & set(slots.slots_in(group[0]))) if group else 0
        count = sum(len(group) for group in shown)
        return {
            "slot_precision": right / used if used else 1.0,
            "slot_recall": met / due if due else 1.0,
            "unfilled_rate": unfilled / max(1, count),
        }


def _known(request: ReplyRequest) -> set[str]:
    return {name for name, value in {**request.values, **request.facts}.items() if value}


def retrieved(pool: Sequence[Candidate]) -> list[str]:
    """Past replies as retrieval orders them, before any ranking."""
    return [one.template for one in pool if one.source == "reply"][: RANKS[-1]]


def generated(pool: Sequence[Candidate]) -> list[str]:
    """What the model drafted, the greedy one first."""
    return [one.template for one in pool if one.source == "generated"][: RANKS[-1]]


def closed(figures: Figures) -> Figures:
    """How much of the distance from retrieval alone to the true reply the whole engine closes."""
    out: Figures = {}
    for k in RANKS:
        ours = figures["suggestions"][f"similarity_at_{k}"]
        floor = figures["retrieval_only"][f"similarity_at_{k}"]
        out[f"similarity_at_{k}"] = (ours - floor) / max(1e-9, 1 - floor)
    return out


def rouge_l(text: str, truth: str) -> float:
    """ROUGE-L, F1 of the longest common subsequence of words (Lin, 2004); slots are words, case is none."""
    a, b = slots.spoken(text).lower().split(), slots.spoken(truth).lower().split()
    if not a or not b:
        return 0.0
    return 2 * float(LCSseq.similarity(a, b)) / (len(a) + len(b))


def own_words(texts: Sequence[str]) -> Figures:
    """How much texts repeat: 4-grams within one text, and the share of 2-grams that differ over all."""
    repeated = total = 0
    pairs: list[tuple[str, ...]] = []
    for text in texts:
        words = text.lower().split()
        runs = [tuple(words[at : at + 4]) for at in range(len(words) - 3)]
        repeated, total = repeated + len(runs) - len(set(runs)), total + len(runs)
        pairs += [tuple(words[at : at + 2]) for at in range(len(words) - 1)]
    return {
        "repeated_4gram_rate": repeated / max(1, total),
        "distinct_2": len(set(pairs)) / max(1, len(pairs)),
    }


def sendable(
    asked: Sequence[Question], shown: Sequence[Sequence[str]], verdicts: Iterable[Verdict]
) -> dict[str, float]:
    """What people said of the suggested templates: would an agent send them as they are?

    `at_k`: share of questions with such a suggestion among the first k; one that nobody has judged
    counts as not. `judged`: share of the suggestions that somebody has judged.
    """
    said = {(v.moment, v.reply): v.send for v in verdicts}
    found = [[said.get((q.id, text)) for text in group] for q, group in zip(asked, shown, strict=True)]
    flat = [one for group in found for one in group[:3]]
    return {
        "n": len(asked),
        "judged": round(sum(one is not None for one in flat) / max(1, len(flat)), 4),
        "at_1": round(sum(any(group[:1]) for group in found) / max(1, len(found)), 4),
        "at_3": round(sum(any(group[:3]) for group in found) / max(1, len(found)), 4),
    }


def hits_at_1(
    truths: Vectors, asked: Vectors, given: Vectors, *, among: int, seed: int
) -> NDArray[np.float64]:
    """Whether the true reply beats `among` - 1 random other true replies, by the matcher alone; (n,) of 0, 1.

    Row by row, `asked` and `given` are the matcher's vectors of conversations and of their true
    replies; `truths` are plain sentence vectors, by which equal replies are known.
    """
    rng = random.Random(seed)
    hits = np.zeros(len(asked))
    for row in range(len(asked)):
        different = [i for i in range(len(asked)) if float(truths[i] @ truths[row]) < SAME]
        others = rng.sample(different, min(among - 1, len(different)))
        scores = given[[row, *others]] @ asked[row]
        hits[row] = len(scores) == 1 or scores[0] >= scores[1:].max()
    return hits
