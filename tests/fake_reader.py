"""A reader without models, for tests of what is made of readings."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nlp.types import Analysis, Entity, Intent, Sentiment


class FakeEncoder:
    """Vectors by the hash of a text; counts what it was asked."""

    def __init__(self) -> None:
        self.asked = 0

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        self.asked += len(texts)
        rows = [np.random.default_rng(abs(hash(t)) % 2**32).normal(size=384) for t in texts]
        return np.array([r / np.linalg.norm(r) for r in rows], dtype=np.float32).reshape(len(texts), 384)


class FakeReader:
    """Finds the names it was told about."""

    def __init__(self, *names: str) -> None:
        self.encoder = FakeEncoder()
        self._names = names

    def entities(self, texts: Sequence[str]) -> list[tuple[Entity, ...]]:
        return [self.analysis(t).entities for t in texts]

    def intents(self, texts: Sequence[str]) -> list[Intent]:
        return [self.analysis(t).intent for t in texts]

    def sentiments(self, texts: Sequence[str]) -> list[Sentiment]:
        return [self.analysis(t).sentiment for t in texts]

    def analysis(self, text: str) -> Analysis:
        found = tuple(
            Entity("person", n, text.index(n), text.index(n) + len(n), n, 0.9, "tagger")
            for n in self._names
            if n in text
        )
        return reading(found)


def reading(entities: tuple[Entity, ...]) -> Analysis:
    vector = np.zeros(384, dtype=np.float32)
    return Analysis("en", 1.0, Sentiment(0.0, 1.0, 0.0), entities, Intent("order_status", 0.8), vector)
