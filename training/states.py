"""The encoder's hidden states of a whole set, kept in memory once and served as batches.

The encoder is frozen, so one pass in half precision serves every epoch. Knows no task.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch

from nlp.encoder import LAYERS, WIDTH, Encoder

CHUNK = 256
"""Texts encoded at a time."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows of the set with their states, padded to the longest of them."""

    rows: list[int]
    hidden: tuple[torch.Tensor, ...]
    mask: torch.Tensor
    embedding: torch.Tensor


class States:
    """All hidden states of n texts: about 5.4 kB a token."""

    def __init__(self, encoder: Encoder, texts: Sequence[str]) -> None:
        self.texts = tuple(texts)
        self.offsets: list[tuple[tuple[int, int], ...]] = [()] * len(texts)
        self.words: list[tuple[int, ...]] = [()] * len(texts)
        self._states: list[torch.Tensor] = [torch.empty(0)] * len(texts)
        self._embedding = torch.zeros(len(texts), WIDTH)
        order = sorted(range(len(texts)), key=lambda row: len(texts[row]))
        for start in range(0, len(order), CHUNK):
            self._keep(encoder, order[start : start + CHUNK])

    def __len__(self) -> int:
        return len(self.texts)

    def _keep(self, encoder: Encoder, rows: list[int]) -> None:
        encoded = encoder.encode([self.texts[row] for row in rows])
        stacked = torch.stack(encoded.hidden, dim=2)
        for at, row in enumerate(rows):
            length = int(encoded.mask[at].sum())
            self._states[row] = stacked[at, :length].to(torch.float16)
            self.offsets[row], self.words[row] = encoded.offsets[at], encoded.words[at]
        self._embedding[rows] = torch.from_numpy(encoded.embedding)

    def batch(self, rows: list[int]) -> Batch:
        """The given rows, padded with zeros."""
        longest = max(len(self._states[row]) for row in rows)
        states = torch.zeros(len(rows), longest, LAYERS, WIDTH)
        mask = torch.zeros(len(rows), longest, dtype=torch.bool)
        for at, row in enumerate(rows):
            length = len(self._states[row])
            states[at, :length] = self._states[row]
            mask[at, :length] = True
        return Batch(rows, states.unbind(2), mask, self._embedding[rows])

    def batches(self, rows: Sequence[int], size: int, rng: random.Random | None = None) -> Iterator[Batch]:
        """Batches of texts of like length; in random order where `rng` is given."""
        jitter = rng.random if rng else lambda: 0.0
        keyed = sorted((len(self._states[row]) + 4 * jitter(), row) for row in rows)
        order = [row for _, row in keyed]
        chunks = [order[start : start + size] for start in range(0, len(order), size)]
        if rng:
            rng.shuffle(chunks)
        for chunk in chunks:
            yield self.batch(chunk)
