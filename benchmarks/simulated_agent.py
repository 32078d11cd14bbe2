"""An agent made of a rule: what they would have done with three suggestions, by what was really written.

The rule, in full. The agent knows what they want to say: the reply of the log. They look at the suggestions
in order and send the first one that says the same (cosine of the sentence vectors ACCEPT or more) and that
states no value which the reply does not state. Where there is none, they take the suggestion that needs the
fewest keys to become their reply, if that is no more than EDIT of typing it; else they reject all and
type. Keys are counted as a person's: one to insert or send, one for each character typed, replaced or taken
away (Levenshtein distance). Knows texts and vectors; knows no model.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import Levenshtein

Vectors = NDArray[np.float32]
Deed = Literal["accepted", "edited", "rejected"]

ACCEPT = 0.8
"""Cosine of two replies that say the same. Strict: what people judged says so (docs/decisions.md)."""
EDIT = 0.5
"""Most of a reply's keys that mending a suggestion may cost before one types instead."""
_VALUES = re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]+|\w*\d[\w.,:/-]*")
_OPEN = re.compile(r"\[[a-z][a-z ]*\]")


@dataclass(frozen=True, slots=True)
class Decision:
    """What the agent did, what was sent, and what it took."""

    deed: Deed
    sent: str
    keys: int
    """Pressed, where typing the reply takes `typed`."""
    typed: int
    distance: float
    """Levenshtein distance of the suggestion used to what was sent, as a share of the longer; 1 for none."""

    @property
    def saved(self) -> float:
        """Share of the keys saved, 0..1; never below 0, for nobody has to use a suggestion."""
        return max(0.0, 1 - self.keys / max(1, self.typed))


def decide(truth: str, shown: Sequence[str], truth_vector: Vectors, vectors: Vectors) -> Decision:
    """What the agent does with `shown`, best first, whose unit vectors are `vectors` (n, d)."""
    typed = len(truth) + 1
    for text, vector in zip(shown, vectors, strict=True):
        if float(vector @ truth_vector) >= ACCEPT and stated(text) <= stated(truth) and not open_in(text):
            return Decision("accepted", text, 1, typed, 0.0)
    keys, nearest = min(((Levenshtein.distance(text, truth), text) for text in shown), default=(typed, ""))
    if nearest and keys + 2 <= EDIT * typed:
        return Decision("edited", truth, keys + 2, typed, Levenshtein.normalized_distance(nearest, truth))
    return Decision("rejected", truth, typed, typed, 1.0)


def stated(text: str) -> frozenset[str]:
    """Numbers, codes and addresses that a text states."""
    return frozenset(found.lower().strip(".,:/-") for found in _VALUES.findall(text))


def open_in(text: str) -> bool:
    """Whether something is left for the agent to fill in, such as "[order id]"."""
    return _OPEN.search(text) is not None
