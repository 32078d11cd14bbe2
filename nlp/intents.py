"""What a message asks for, out of the intents the head was trained with.

Works on the encoder's hidden states and embedding; knows neither the shop nor the conversation.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from nlp.encoder import WIDTH, Encoded
from nlp.layers import AttentionPool, Trunk
from nlp.types import Intent

OUT_OF_SCOPE = "out_of_scope"
"""The intent of a message that the shop's intents do not cover."""
QUERIES = 4


class IntentHead(nn.Module):
    """One logit for each intent; `temperature` is fitted on held-out messages after training."""

    def __init__(self, labels: Sequence[str], width: int = 128, depth: int = 1) -> None:
        super().__init__()
        self.labels = tuple(labels)
        self.trunk = Trunk(width, depth)
        self.pool = AttentionPool(width, QUERIES)
        self.classify = nn.Sequential(
            nn.LayerNorm((QUERIES + 1) * width + WIDTH),
            nn.Dropout(0.3),
            nn.Linear((QUERIES + 1) * width + WIDTH, 2 * width),
            nn.GELU(),
            nn.Dropout(0.3),
            nn.Linear(2 * width, len(self.labels)),
        )
        self.direct = nn.Linear(WIDTH, len(self.labels))
        self.temperature = 1.0

    def forward(
        self, hidden: tuple[torch.Tensor, ...], mask: torch.Tensor, embedding: torch.Tensor
    ) -> torch.Tensor:
        """Logits (n, labels) before the temperature."""
        # The unit embedding has entries near 0.05; scaled up it is as loud as the pooled states.
        loud = embedding * WIDTH**0.5
        pooled = self.pool(self.trunk(hidden, mask), mask)
        logits: torch.Tensor = self.classify(torch.cat([pooled, loud], dim=-1)) + self.direct(loud)
        return logits

    def predict(self, encoded: Encoded) -> list[Intent]:
        """The most probable intent of each text, with its calibrated probability."""
        with torch.inference_mode():
            embedding = torch.from_numpy(encoded.embedding).to(encoded.mask.device)
            logits = self.forward(encoded.hidden, encoded.mask, embedding)
            best = torch.softmax(logits / self.temperature, dim=-1).max(dim=-1)
            pairs = zip(best.indices.tolist(), best.values.tolist(), strict=True)
        return [Intent(self.labels[index], score) for index, score in pairs]
