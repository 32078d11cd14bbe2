"""Texts as padded batches of tokens, whatever the tokeniser. Knows shapes; knows no model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

STEP = 8
"""Batches are padded to a multiple of this, so that few shapes occur."""
MAX_TOKENS = 256
"""Tokens read of one text. The sentence model was made for 256; its raw tokenizer would allow 512."""
BUCKET = 32
"""Texts of one forward pass; they are sorted by length first, so little of a batch is padding."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """n texts as tokens, padded to T (T <= MAX_TOKENS, or the next multiple of 8).

    Positions of the text are character offsets into the text as it was given; special tokens have
    the empty span (0, 0) and word -1.
    """

    texts: tuple[str, ...]
    ids: Tensor
    """(n, T) int64, 0 where padded."""
    mask: Tensor
    """(n, T) bool, True at real tokens, the special ones included."""
    offsets: tuple[tuple[tuple[int, int], ...], ...]
    words: tuple[tuple[int, ...], ...]
    """For each token the number of its word (runs of letters and digits, and single signs)."""

    def __len__(self) -> int:
        return len(self.texts)


def padded(rows: Sequence[Sequence[int]], device: torch.device | str = "cpu") -> tuple[Tensor, Tensor]:
    """Rows of token ids as ids (n, T), 0 where padded, and mask (n, T) bool; T is a multiple of STEP."""
    length = -(-max((len(row) for row in rows), default=0) // STEP) * STEP
    ids = torch.zeros(len(rows), length, dtype=torch.long)
    mask = torch.zeros(len(rows), length, dtype=torch.bool)
    for at, row in enumerate(rows):
        ids[at, : len(row)] = torch.tensor(row)
        mask[at, : len(row)] = True
    return ids.to(device), mask.to(device)


def mean_of(states: Tensor, mask: Tensor) -> Tensor:
    """The mean of a text's states, special tokens included: (n, W) for states (n, T, W)."""
    weight = mask.unsqueeze(-1).float()
    mean: Tensor = (states * weight).sum(1) / weight.sum(1).clamp(min=1e-9)
    return mean
