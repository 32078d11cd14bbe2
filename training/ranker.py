"""Train the ranker: a matcher of contexts and replies, and a calibrated score over plain features.

The matcher is two linear maps over frozen sentence vectors, trained so that a true reply is nearer
to its context than the other replies of its batch (in-batch negatives). The score is a logistic
regression: is a candidate as good as what the agent really wrote? Knows vectors and features.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from nlp.ranking import Features, Ranker, Vectors

WIDTH = 256
TEMPERATURE = 0.07
DROPOUT = 0.2
"""Of the vectors' coordinates while training: there are more of them than conversations."""
GOOD_COSINE = 0.55
"""A candidate counts as good when its sentence vector is this near to the true reply's. The best of
2,195 remembered replies reaches 0.59 on average in held-out conversations, so more would ask for luck."""


def fit_matcher(
    queries: Vectors, replies: Vectors, *, seed: int, epochs: int = 6, batch: int = 128, rate: float = 2e-3
) -> tuple[Vectors, Vectors]:
    """Two matrices (w, WIDTH) and (384, WIDTH) from queries (n, w) and true replies (n, 384), row by row."""
    torch.manual_seed(seed)
    left, right = torch.from_numpy(queries), torch.from_numpy(replies)
    context = (torch.randn(left.shape[1], WIDTH) * 0.05).requires_grad_()
    reply = (torch.randn(right.shape[1], WIDTH) * 0.05).requires_grad_()
    optimizer = torch.optim.AdamW([context, reply], lr=rate, weight_decay=0.05)
    same = _same_reply(replies)
    for _ in range(epochs):
        for rows in torch.split(torch.randperm(len(left)), batch):
            if len(rows) < 2:
                continue
            a = torch.nn.functional.normalize(_dropped(left[rows]) @ context, dim=1)
            b = torch.nn.functional.normalize(_dropped(right[rows]) @ reply, dim=1)
            logits = a @ b.T / TEMPERATURE
            # The same reply under another context is no wrong answer.
            twins = same[rows][:, None] == same[rows][None, :]
            twins.fill_diagonal_(False)
            logits = logits.masked_fill(twins, -torch.inf)
            loss = torch.nn.functional.cross_entropy(logits, torch.arange(len(rows)))
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    return context.detach().numpy(), reply.detach().numpy()


def _dropped(vectors: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.dropout(vectors, DROPOUT)


def _same_reply(replies: Vectors) -> torch.Tensor:
    """A number for each row; equal vectors have equal numbers."""
    _, groups = np.unique(np.round(replies, 4), axis=0, return_inverse=True)
    return torch.from_numpy(groups.reshape(-1))


def untrained(context: Vectors, reply: Vectors) -> Ranker:
    """A ranker whose score knows nothing yet; its features can be computed."""
    width = len(Features.names())
    return Ranker(context, reply, np.zeros(width), 0.0, np.stack([np.zeros(width), np.ones(width)]))


def fit_scorer(context: Vectors, reply: Vectors, rows: Sequence[Features], good: NDArray[np.bool_]) -> Ranker:
    """A ranker whose score is P(good), from the features of candidates and whether they were good."""
    values = np.array([r.row() for r in rows])
    mean, spread = values.mean(0), values.std(0)
    spread[spread < 1e-6] = 1.0
    model = LogisticRegression(C=0.5, max_iter=1000).fit((values - mean) / spread, good)
    return Ranker(context, reply, model.coef_[0], float(model.intercept_[0]), np.stack([mean, spread]))
