"""The candidates for one message, from the moment they are made to the drafts that are shown.

What the ranker looks at is kept together, so that another ranker can be tried on it, and what was shown
can be explained. Knows vectors and templates; knows no model and no index.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nlp import slots
from nlp.expectation import Expectation
from nlp.manner import Manner
from nlp.ranking import TEMPERATURE, Candidate, Features, Ranker, choose, features
from nlp.types import Draft, DraftSource, ReplyRequest

Vectors = NDArray[np.float32]

FLOOR = 0.02
"""A candidate with a lower score is not shown at all."""
USUAL = Manner()


@dataclass(frozen=True, slots=True)
class Pool:
    """Everything that the ranker looks at for one request, before it has said anything."""

    request: ReplyRequest
    candidates: tuple[Candidate, ...]
    """Retrieved ones first, in the order that retrieval gives them."""
    expectation: Expectation
    """What is likely to be said here, by the temperature that every ranker begins with."""
    known: frozenset[str]
    """Slots that can be filled."""
    said: tuple[str, ...]
    """The agent's earlier templates."""
    place: Vectors
    """The conversation in the matcher's space."""

    def without(self, source: DraftSource) -> Pool:
        """The same without the candidates of one source, to see what it adds."""
        return replace(self, candidates=tuple(one for one in self.candidates if one.source != source))

    def looked_at(self, temperature: float) -> tuple[Expectation, list[Features]]:
        """The candidates' features, and the expectation, at a ranker's temperature."""
        expectation = self.expectation.sharpened(TEMPERATURE / temperature)
        return expectation, features(self.candidates, expectation, self.known, self.said)

    def ranked(self, ranker: Ranker, manner: Manner) -> list[Draft]:
        """The drafts that are shown, best first, their slots filled."""
        expectation, found = self.looked_at(ranker.temperature)
        scores = ranker.scores(found)
        negative, before = self.request.analysis.sentiment.negative, " ".join(self.said)
        worth = scores * np.array([manner.weight(one.template) for one in self.candidates])
        drafts = []
        for at in choose(self.candidates, worth, expectation, self.request.count):
            one, score = self.candidates[at], float(scores[at])
            if score < FLOOR:
                continue
            template = manner.said(one.template, negative, before)
            filled = slots.relexicalise(template, self.request.values, self.request.facts)
            drafts.append(
                Draft(
                    filled.text,
                    template,
                    score,
                    one.source,
                    one.evidence,
                    filled.unfilled,
                    asdict(found[at]),
                )
            )
        return drafts


@dataclass(frozen=True, slots=True)
class Explained:
    """What came of one request: the drafts, best first, and what they were chosen from."""

    drafts: tuple[Draft, ...]
    pool: Pool
