"""The sentence encoder, plain or with low-rank changes to its layers: one set of changes for each task.

A served one has the changes added to its weights, so it costs what the plain encoder costs; all that
are served share one table of word vectors. Knows layers and shapes; knows no task and no text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache

import torch
from torch import Tensor, nn

from nlp.device import has_bf16
from nlp.minilm import WIDTH, load_model

TUNED = ("query", "key", "value", "output.dense", "intermediate.dense")
"""The linear layers that have low-rank changes, by the end of their names."""
STEP = 8
"""Batches are padded to a multiple of this, so that few shapes occur."""


class TunedEncoder(nn.Module):
    """The encoder without its pooling. `marks` features of each token may be added to its word vector."""

    def __init__(self, marks: int = 0) -> None:
        super().__init__()
        self.bert = load_model()
        self.bert.requires_grad_(False)
        # Kept out of the module, so that it is neither saved, moved nor trained with it.
        self._words: tuple[Tensor] = (self.bert.embeddings.word_embeddings.weight.detach(),)
        self.bert.embeddings.word_embeddings = nn.Embedding(1, WIDTH)
        self.mark = nn.Linear(marks, WIDTH, bias=False) if marks else None
        if self.mark is not None:
            # Word vectors are small: at first the features must not drown them.
            nn.init.zeros_(self.mark.weight)

    def forward(self, ids: Tensor, mask: Tensor, *, kind: int = 0, marks: Tensor | None = None) -> Tensor:
        """States (n, T, 384), float32, of ids (n, T), mask (n, T) bool and marks (n, T, features).

        `kind` is the token type, 0 or 1.
        """
        words = nn.functional.embedding(ids, self._words[0]).to(self.bert.dtype)
        if self.mark is not None and marks is not None:
            words = words + self.mark(marks.to(self.bert.dtype))
        states: Tensor = self.bert(
            inputs_embeds=words, token_type_ids=kind * mask.long(), attention_mask=mask.long()
        ).last_hidden_state
        return states.float()

    def tuned(self) -> Iterator[tuple[str, nn.Linear]]:
        """The linear layers that have low-rank changes, with their names."""
        for name, module in self.bert.encoder.named_modules():
            if isinstance(module, nn.Linear) and name.endswith(TUNED):
                yield name, module

    def serve(self, device: str, changes: Mapping[str, Tensor] | None = None) -> None:
        """Add `changes` (for each tuned layer NAME.up and NAME.down) and make ready to serve on a device.

        Raises KeyError where a layer's change is missing and RuntimeError where one is of another shape.
        """
        if changes is not None:
            with torch.no_grad():
                for name, layer in self.tuned():
                    layer.weight += changes[f"{name}.up"].float() @ changes[f"{name}.down"].float()
        self.requires_grad_(False)
        self.train(False)
        self.to(device=device, dtype=_served_dtype(device))
        self._words = (_word_vectors(device),)


@cache
def _word_vectors(device: str) -> Tensor:
    """The (30522, 384) table on a device, once for all served encoders of the process."""
    table = load_model().embeddings.word_embeddings.weight.detach()
    return table.to(device=device, dtype=_served_dtype(device))


def _served_dtype(device: str) -> torch.dtype:
    return torch.bfloat16 if has_bf16(device) else torch.float32


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
    """The mean of a text's states, special tokens included: (n, 384) for states (n, T, 384)."""
    weight = mask.unsqueeze(-1).float()
    mean: Tensor = (states * weight).sum(1) / weight.sum(1).clamp(min=1e-9)
    return mean
