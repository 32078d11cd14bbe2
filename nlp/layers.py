"""The small trainable layers between the encoder's states and a label. They know no task and no text."""

from __future__ import annotations

import torch
from torch import nn

from nlp.batches import mean_of

QUERIES = 3


class Pooled(nn.Module):
    """A text's states, each of `width` numbers, as one vector: learned looks, the mean, the maximum."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.attend = nn.Linear(width, QUERIES)
        self.width = (QUERIES + 2) * width
        """Numbers in the vector."""

    def forward(self, states: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """(n, self.width) for states (n, T, width) and mask (n, T)."""
        hidden = ~mask.unsqueeze(-1)
        weights = torch.softmax(self.attend(states).masked_fill(hidden, -1e4), dim=1)
        looks = torch.einsum("ntq,ntw->nqw", weights, states).flatten(1)
        highest = states.masked_fill(hidden, -1e4).amax(dim=1)
        return torch.cat([looks, mean_of(states, mask), highest], dim=-1)
