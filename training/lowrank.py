"""Low-rank changes to the sentence encoder, while they are trained: LoRA (Hu et al., 2021).

Each tuned layer's weight becomes weight + up @ down. Knows the encoder; knows no task.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.utils import parametrize
from transformers.models.bert.modeling_bert import BertSelfAttention

from nlp.tuned import TunedEncoder


class _LowRank(torch.nn.Module):
    """`up` is zero at first: training starts from the encoder as it is."""

    def __init__(self, out: int, into: int, rank: int) -> None:
        super().__init__()
        self.down = torch.nn.Parameter(torch.randn(rank, into) / into**0.5)
        self.up = torch.nn.Parameter(torch.zeros(out, rank))

    def forward(self, weight: Tensor) -> Tensor:
        return weight + self.up @ self.down


def make_trainable(encoder: TunedEncoder, rank: int) -> None:
    """Add changes of a rank that training can learn; the weights themselves stay as they are.

    Hu et al. find ranks of 4 to 16 enough for models many times this size.
    """
    # Measured on a processor: eager attention trains faster than the fused one, and dropping attention
    # weights costs a fifth of a step. States are still dropped.
    encoder.bert.config._attn_implementation = "eager"
    for module in encoder.modules():
        if isinstance(module, BertSelfAttention):
            module.dropout.p = 0.0
    for _, layer in list(encoder.tuned()):
        change = _LowRank(layer.out_features, layer.in_features, rank)
        parametrize.register_parametrization(layer, "weight", change)


def changes_of(encoder: TunedEncoder) -> dict[str, Tensor]:
    """The learned changes: for each tuned layer NAME.up (out, rank) and NAME.down (rank, in)."""
    tensors: dict[str, Tensor] = {}
    for name, layer in encoder.tuned():
        (change,) = layer.get_submodule("parametrizations.weight").children()
        tensors |= {f"{name}.{side}": change.get_parameter(side).detach() for side in ("up", "down")}
    return tensors
