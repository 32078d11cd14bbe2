"""How a message feels: negative, neutral or positive, with calibrated probabilities.

The encoder with changes of its own, and one linear layer. Knows neither the conversation nor who
wrote the message.
"""

from __future__ import annotations

import torch
from torch import nn

from nlp.backbone import Backbone
from nlp.batches import Tokens
from nlp.layers import Pooled
from nlp.tuned import TunedEncoder
from nlp.types import Mood, Sentiment

MOODS: tuple[Mood, Mood, Mood] = ("negative", "neutral", "positive")


class SentimentHead(nn.Module):
    """Three logits for each text; `temperature` is fitted on held-out messages after training."""

    def __init__(self, backbone: Backbone | None = None) -> None:
        super().__init__()
        self.encoder = TunedEncoder(backbone=backbone)
        self.pool = Pooled(self.encoder.width)
        self.classify = nn.Sequential(nn.Dropout(0.2), nn.Linear(self.pool.width, len(MOODS)))
        self.temperature = 1.0

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Logits (n, 3) before the temperature, in the order of MOODS, for ids and mask (n, T)."""
        logits: torch.Tensor = self.classify(self.pool(self.encoder(ids, mask), mask))
        return logits

    def predict(self, tokens: Tokens) -> list[Sentiment]:
        """One calibrated Sentiment for each text."""
        tokens = self.encoder.own(tokens)
        with torch.inference_mode():
            logits = self.forward(tokens.ids, tokens.mask)
            rows = torch.softmax(logits / self.temperature, dim=-1).double().tolist()
        return [Sentiment(negative, neutral, positive) for negative, neutral, positive in rows]
