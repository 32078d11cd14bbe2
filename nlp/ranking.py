"""Candidates to an order and a score: how likely is it that an agent would send this one unchanged?

A logistic regression over a handful of plain features, fitted on verdicts that people gave, or, where
there are none yet, on how near candidates came to what agents wrote. Knows vectors and templates;
knows no model, no index and no conversation.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from nlp import slots
from nlp.errors import ModelError
from nlp.expectation import Expectation
from nlp.types import DraftSource, Evidence

Vectors = NDArray[np.float32]
FILE = "ranker.safetensors"
TEMPERATURE = 0.12
"""Of the expectation, where nothing was fitted."""

ASKS = {
    "order_id": re.compile(
        r"\border (number|id|reference)|\b(number|reference) of (the|your|that) order", re.I
    ),
    "email": re.compile(r"\be-?mail( address)?\b", re.I),
    "tracking_number": re.compile(r"\btracking (number|code)", re.I),
    "customer_name": re.compile(r"\b(your|full) name\b", re.I),
    "product": re.compile(r"\bwhich (item|product|one|piece|model)\b", re.I),
    "phone": re.compile(r"\bphone number\b", re.I),
    "invoice_number": re.compile(r"\binvoice number\b", re.I),
}
"""How agents ask for a value: a request with such words asks for that slot."""
_REQUEST = re.compile(r"\b(please|send|share|let me have|tell me|give me|need|have)\b", re.I)


@lru_cache(maxsize=50_000)
def asked_slots(template: str) -> frozenset[str]:
    """Value slots that an agent's text asks the customer for."""
    sentences = re.split(r"(?<=[.?!])\s+", template)
    wanted = " ".join(s for s in sentences if s.endswith("?") or _REQUEST.search(s))
    used = set(slots.slots_in(template))
    return frozenset(slot for slot, words in ASKS.items() if slot not in used and words.search(wanted))


@dataclass(frozen=True, slots=True)
class Candidate:
    """One possible reply with what is known of it before it is judged."""

    template: str
    source: DraftSource
    vector: Vectors
    """Unit vector (384,) of the template as the encoder reads it."""
    logprob: float
    """Mean log-probability a token under the reply model behind this conversation, in nats."""
    match: float
    """Cosine of conversation and reply in the matcher's space."""
    novelty: float = 0.0
    """How much it speaks of what nobody has mentioned, 0..1."""
    retrieval: float = 0.0
    """Cosine of the query and what the candidate was found by; 0 for a generated one."""
    same_intent: bool = False
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True, slots=True)
class Features:
    """What the score looks at; every one is a plain number that a person can check."""

    match: float
    lead: float
    expected: float
    logprob: float
    retrieval: float
    same_intent: float
    generated: float
    article: float
    words: float
    unfilled: float
    asks_known: float
    repeats_agent: float
    novelty: float

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """Feature names in the order of `row`."""
        return tuple(f.name for f in fields(cls))

    def row(self) -> list[float]:
        """The values in the order of `names`."""
        return [float(getattr(self, name)) for name in self.names()]


class Ranker:
    """The loaded scorer. Immutable."""

    def __init__(
        self,
        weights: NDArray[np.float64],
        bias: float,
        scale: NDArray[np.float64],
        temperature: float = TEMPERATURE,
    ) -> None:
        self._weights, self._bias = weights, bias
        self._mean, self._spread = scale
        self.temperature = temperature
        """Of the expectation: the lower, the more the best matches count alone."""

    @classmethod
    def load(cls, folder: Path) -> Ranker:
        """Read `ranker.safetensors`; raises ModelError where it is missing or made for other features."""
        try:
            tensors = load_file(folder / FILE)
            found = cls(
                tensors["weights"].astype(np.float64),
                float(tensors["bias"][0]),
                tensors["scale"].astype(np.float64),
                float(tensors["temperature"][0]),
            )
        except (OSError, SafetensorError, KeyError) as error:
            raise ModelError(f"{folder.name}/{FILE} can't be read; publish the version again") from error
        if found._weights.shape != (len(Features.names()),):
            raise ModelError(
                f"{folder.name}/{FILE} was made for other features than this version of Deskhand uses"
            )
        return found

    def save(self, folder: Path) -> None:
        """Write `ranker.safetensors`."""
        tensors: dict[str, NDArray[np.generic]] = {
            "weights": self._weights,
            "bias": np.array([self._bias]),
            "scale": np.stack([self._mean, self._spread]),
            "temperature": np.array([self.temperature]),
        }
        save_file(tensors, folder / FILE)

    def with_odds(self, slope: float, shift: float) -> Ranker:
        """The same order, where `slope` is above 0, with log-odds of slope * what they were + shift."""
        scale = np.stack([self._mean, self._spread])
        return Ranker(slope * self._weights, slope * self._bias + shift, scale, self.temperature)

    def explain(self) -> dict[str, float]:
        """The weight of each feature, standardised: what moves the score, and which way."""
        return {n: round(float(w), 3) for n, w in zip(Features.names(), self._weights, strict=True)}

    def scores(self, found: Sequence[Features]) -> NDArray[np.float64]:
        """Probability, 0..1, that a candidate says what the agent would have said."""
        rows = np.array([f.row() for f in found]).reshape(len(found), len(Features.names()))
        logits = ((rows - self._mean) / self._spread) @ self._weights + self._bias
        chances: NDArray[np.float64] = 1.0 / (1.0 + np.exp(-logits))
        return chances


def features(
    candidates: Sequence[Candidate], expectation: Expectation, known: frozenset[str], said: Sequence[str]
) -> list[Features]:
    """Features of the candidates of one conversation.

    `expectation` is what is likely to be said here, `known` names the slots that can be filled, `said`
    holds the agent's earlier templates.
    """
    if not candidates:
        return []
    expected = expectation.similarity(np.stack([c.vector for c in candidates]))
    earlier = {_bare(text) for text in said}
    best = max(c.match for c in candidates)
    return [
        Features(
            match=c.match,
            lead=c.match - best,
            expected=float(expected[i]),
            logprob=max(-6.0, c.logprob),
            retrieval=c.retrieval,
            same_intent=float(c.same_intent),
            generated=float(c.source == "generated"),
            article=float(c.source == "article"),
            words=min(60, len(c.template.split())) / 60,
            unfilled=float(len(set(slots.slots_in(c.template)) - known)),
            asks_known=float(bool(asked_slots(c.template) & known)),
            repeats_agent=float(_bare(c.template) in earlier),
            novelty=c.novelty,
        )
        for i, c in enumerate(candidates)
    ]


def choose(
    candidates: Sequence[Candidate],
    scores: NDArray[np.float64],
    expectation: Expectation,
    count: int,
    alike: float = 0.9,
) -> list[int]:
    """Indices of `count` candidates, by score: the best one, and those that add most to what it covers.

    What says nearly the same as a chosen one is left out.
    """
    if not candidates:
        return []
    vectors = np.stack([c.vector for c in candidates])
    best = int(scores.argmax())
    chosen = expectation.cover(vectors, scores.astype(np.float32), count, alike=alike, first=best)
    return sorted(chosen, key=lambda at: -scores[at])


def _bare(text: str) -> str:
    return " ".join(text.lower().split())
