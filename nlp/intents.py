"""What a message asks for, out of the intents the head was trained with.

The encoder with changes of its own, and one linear layer. Knows neither the shop nor the conversation.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from nlp.backbone import Backbone
from nlp.batches import Tokens
from nlp.layers import Pooled
from nlp.tuned import TunedEncoder
from nlp.types import OUT_OF_SCOPE as OUT_OF_SCOPE
from nlp.types import Intent


class IntentHead(nn.Module):
    """One logit for each intent; `temperature` is fitted on held-out messages after training."""

    def __init__(self, labels: Sequence[str], backbone: Backbone | None = None) -> None:
        super().__init__()
        self.labels = tuple(labels)
        self.encoder = TunedEncoder(backbone=backbone)
        self.pool = Pooled(self.encoder.width)
        self.classify = nn.Sequential(nn.Dropout(0.2), nn.Linear(self.pool.width, len(self.labels)))
        self.temperature = 1.0

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Logits (n, labels) before the temperature, for ids and mask (n, T)."""
        logits: torch.Tensor = self.classify(self.pool(self.encoder(ids, mask), mask))
        return logits

    def predict(self, tokens: Tokens) -> list[Intent]:
        """The most probable intent of each text, with its calibrated probability."""
        tokens = self.encoder.own(tokens)
        with torch.inference_mode():
            logits = self.forward(tokens.ids, tokens.mask)
            best = torch.softmax(logits / self.temperature, dim=-1).max(dim=-1)
            pairs = zip(best.indices.tolist(), best.values.tolist(), strict=True)
        return [Intent(self.labels[index], score) for index, score in pairs]
