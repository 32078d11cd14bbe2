"""How a message feels: negative, neutral or positive, with calibrated probabilities.

Works on the encoder's hidden states; knows neither the conversation nor who wrote the message.
"""

from __future__ import annotations

import torch
from torch import nn

from nlp.encoder import Encoded
from nlp.layers import AttentionPool, Trunk
from nlp.types import Mood, Sentiment

MOODS: tuple[Mood, Mood, Mood] = ("negative", "neutral", "positive")
QUERIES = 4


class SentimentHead(nn.Module):
    """Three logits for each text; `temperature` is fitted on held-out messages after training."""

    def __init__(self, width: int = 160, depth: int = 1) -> None:
        super().__init__()
        self.trunk = Trunk(width, depth)
        self.pool = AttentionPool(width, QUERIES)
        self.classify = nn.Sequential(
            nn.Dropout(0.3),
            nn.Linear((QUERIES + 1) * width, width),
            nn.GELU(),
            nn.Dropout(0.3),
            nn.Linear(width, len(MOODS)),
        )
        self.temperature = 1.0

    def forward(self, hidden: tuple[torch.Tensor, ...], mask: torch.Tensor) -> torch.Tensor:
        """Logits (n, 3) before the temperature, in the order of MOODS."""
        logits: torch.Tensor = self.classify(self.pool(self.trunk(hidden, mask), mask))
        return logits

    def predict(self, encoded: Encoded) -> list[Sentiment]:
        """One calibrated Sentiment for each text."""
        with torch.inference_mode():
            logits = self.forward(encoded.hidden, encoded.mask)
            rows = torch.softmax(logits / self.temperature, dim=-1).double().tolist()
        return [Sentiment(negative, neutral, positive) for negative, neutral, positive in rows]
