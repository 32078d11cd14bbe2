"""The small trainable layers that the task heads are made of.

They work on the encoder's frozen hidden states. They know no task, no label and no text.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from nlp.encoder import LAYERS, WIDTH


class ScalarMix(nn.Module):
    """A learned weighted average of the encoder's layers: LAYERS x (n, T, 384) to (n, T, 384)."""

    def __init__(self) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.zeros(LAYERS))
        self.scale = nn.Parameter(torch.ones(()))
        self.norm = nn.LayerNorm(WIDTH)

    def forward(self, hidden: Sequence[torch.Tensor]) -> torch.Tensor:
        weights = torch.softmax(self.weights, dim=0)
        mixed = weights[0] * hidden[0]
        for weight, layer in zip(weights[1:], hidden[1:], strict=True):
            mixed = mixed + weight * layer
        normed: torch.Tensor = self.norm(self.scale * mixed)
        return normed


class Trunk(nn.Module):
    """Mixed layers, narrowed to `width`, then `depth` transformer layers of its own.

    `extra` is the number of hand-made features a token brings along (0 for none).
    """

    def __init__(self, width: int, depth: int, *, extra: int = 0, dropout: float = 0.2) -> None:
        super().__init__()
        self.mix = ScalarMix()
        self.narrow = nn.Linear(WIDTH + extra, width)
        self.dropout = nn.Dropout(dropout)
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(
                width, 4, 2 * width, dropout, activation="gelu", batch_first=True, norm_first=True
            )
            for _ in range(depth)
        )
        self.norm = nn.LayerNorm(width)

    def forward(
        self, hidden: Sequence[torch.Tensor], mask: torch.Tensor, features: torch.Tensor | None = None
    ) -> torch.Tensor:
        """(n, T, width) for LAYERS x (n, T, 384), `mask` (n, T) and `features` (n, T, extra)."""
        state = self.mix(hidden)
        if features is not None:
            state = torch.cat([state, features], dim=-1)
        state = self.dropout(self.narrow(state))
        for layer in self.layers:
            state = layer(state, src_key_padding_mask=~mask)
        normed: torch.Tensor = self.norm(state)
        return normed


class AttentionPool(nn.Module):
    """`queries` learned looks at the tokens, and their maximum.

    From (n, T, width) to (n, (queries + 1) * width).
    """

    def __init__(self, width: int, queries: int) -> None:
        super().__init__()
        self.attend = nn.Linear(width, queries)

    def forward(self, state: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        hidden = ~mask.unsqueeze(-1)
        weights = torch.softmax(self.attend(state).masked_fill(hidden, -1e4), dim=1)
        looks = torch.einsum("ntq,ntw->nqw", weights, state).flatten(1)
        highest = state.masked_fill(hidden, -1e4).amax(dim=1)
        return torch.cat([looks, highest], dim=-1)
