"""What the agent is likely to say, as remembered replies with chances; and which few drafts come nearest.

One suggestion should be near to as much as possible of what may be said (minimum Bayes risk: Kumar
and Byrne, 2004); three should share it among them. Picked one by one, each where it adds most, they
reach at least 1 - 1/e of what the best three could (Nemhauser, Wolsey and Fisher, 1978). Knows
sentence vectors; knows no text, no index and no model.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Expectation:
    """Sentence vectors (k, 384) of what may be said, and the chance of each, (k,), summing to 1."""

    vectors: Vectors
    chances: Vectors

    @classmethod
    def of(cls, vectors: Vectors, order: Vectors, temperature: float) -> Expectation:
        """From how well each reply fits, (k,): a softmax of `order` / `temperature`."""
        if not len(order):
            return cls(vectors, order)
        weights = np.exp((order - order.max()) / np.float32(temperature))
        return cls(vectors, weights / weights.sum())

    def sharpened(self, power: float) -> Expectation:
        """The same with the temperature divided by `power`."""
        if not len(self.chances):
            return self
        weights = self.chances ** np.float32(power)
        return Expectation(self.vectors, weights / weights.sum())

    def similarity(self, candidates: Vectors) -> Vectors:
        """Expected cosine (n,) of candidates (n, 384) to what will be said; 0 where nothing is known."""
        if not len(self.chances):
            return np.zeros(len(candidates), dtype=np.float32)
        mean: Vectors = candidates @ (self.chances @ self.vectors)
        return mean

    def cover(
        self, candidates: Vectors, worth: Vectors, count: int, *, alike: float, first: int | None = None
    ) -> list[int]:
        """Indices of `count` candidates (n, 384) at most, as they were picked.

        Each one, after `first` where that is given, adds most to the expected cosine of the nearest
        candidate, times its `worth` (n,) of 0..1. One nearer than `alike` to a picked one is left out.
        """
        near = self.vectors @ candidates.T
        reached = np.zeros(len(self.chances), dtype=np.float32)
        free = np.ones(len(candidates), dtype=bool)
        picked: list[int] = []
        while free.any() and len(picked) < count:
            if first is not None and not picked:
                best = first
            else:
                gain = self.chances @ np.maximum(near - reached[:, None], 0.0)
                # Where nothing is gained any more, or nothing is known, worth alone decides.
                best = int(np.where(free, worth * (gain + 1e-6), -1.0).argmax())
            picked.append(best)
            reached = np.maximum(reached, near[:, best])
            free &= candidates @ candidates[best] < alike
            free[best] = False
        return picked
