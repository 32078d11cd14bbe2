"""An encoder, plain or with low-rank changes to its layers: one set of changes for each task.

Most often the shipped sentence model; a backbone of somebody's choice may stand in its place. A served
one has the changes added to its weights, so it costs what the plain encoder costs; all that have the
shipped model inside share one table of word vectors. Knows layers and shapes; knows no task and no text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn

from nlp.backbone import Backbone
from nlp.batches import Tokens
from nlp.device import has_bf16
from nlp.minilm import WIDTH, load_model

_FROZEN = ("pooler", "embed")
"""Linear layers that have no changes, by a part of their names; all others have."""


class TunedEncoder(nn.Module):
    """The encoder without its pooling. `marks` features of each token may be added to its word vector."""

    def __init__(self, marks: int = 0, backbone: Backbone | None = None) -> None:
        super().__init__()
        self.backbone = backbone
        self.width = backbone.width if backbone else WIDTH
        self.body: Any = backbone.model() if backbone else load_model()
        self.body.requires_grad_(False)
        self._words: tuple[Tensor, ...] = ()
        if backbone is None:
            # Kept out of the module, so that it is neither saved, moved nor trained with it.
            self._words = (self.body.embeddings.word_embeddings.weight.detach(),)
            self.body.embeddings.word_embeddings = nn.Embedding(1, WIDTH)
        self.mark = nn.Linear(marks, self.width, bias=False) if marks else None
        if self.mark is not None:
            # Word vectors are small: at first the features must not drown them.
            nn.init.zeros_(self.mark.weight)

    def forward(self, ids: Tensor, mask: Tensor, *, kind: int = 0, marks: Tensor | None = None) -> Tensor:
        """States (n, T, width), float32, of ids (n, T), mask (n, T) bool and marks (n, T, features).

        `kind` is the token type, 0 or 1; a backbone knows no types.
        """
        words = self._vectors(ids)
        if self.mark is not None and marks is not None:
            words = words + self.mark(marks.to(self.mark.weight.dtype)).to(words.dtype)
        if self.backbone is None:
            states = self.body(
                inputs_embeds=words, token_type_ids=kind * mask.long(), attention_mask=mask.long()
            ).last_hidden_state
        else:
            # Not every architecture runs in half precision throughout; this leaves the choice to torch.
            with torch.autocast(ids.device.type, torch.bfloat16, enabled=has_bf16(ids.device.type)):
                states = self.body(inputs_embeds=words, attention_mask=mask.long()).last_hidden_state
        out: Tensor = states.float()
        return out

    def own(self, tokens: Tokens) -> Tokens:
        """The same texts as tokens of this encoder: as they are for the shipped one."""
        return self.backbone.tokens(tokens.texts, tokens.ids.device) if self.backbone else tokens

    @property
    def layers(self) -> nn.Module:
        """The part of the body whose linear layers may be changed."""
        found: nn.Module = self.body.encoder if self.backbone is None else self.body
        return found

    def tuned(self) -> Iterator[tuple[str, nn.Linear]]:
        """The linear layers that have low-rank changes, with their names."""
        for name, module in self.layers.named_modules():
            if isinstance(module, nn.Linear) and not any(part in name for part in _FROZEN):
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
        if self.backbone is not None:
            self.to(device=device)
            return
        self.to(device=device, dtype=_served_dtype(device))
        self._words = (_word_vectors(device),)

    def _vectors(self, ids: Tensor) -> Tensor:
        """Word vectors (n, T, width)."""
        if self._words:
            return nn.functional.embedding(ids, self._words[0]).to(self.body.dtype)
        found: Tensor = self.body.get_input_embeddings()(ids)
        return found


@cache
def _word_vectors(device: str) -> Tensor:
    """The (30522, 384) table on a device, once for all served encoders of the process."""
    table: Tensor = load_model().embeddings.word_embeddings.weight.detach()
    return table.to(device=device, dtype=_served_dtype(device))


def _served_dtype(device: str) -> torch.dtype:
    return torch.bfloat16 if has_bf16(device) else torch.float32
