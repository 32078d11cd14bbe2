"""Low-rank changes to a model, while they are trained: LoRA (Hu et al., 2021).

An encoder's tuned layers have theirs beside them, and so has a GPT-2 that is too large to be trained
whole; the rows of its last tokens, which are ours, are trained with them. Knows the two architectures;
knows no task and no text.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from transformers import GPT2LMHeadModel
from transformers.models.bert.modeling_bert import BertSelfAttention
from transformers.pytorch_utils import Conv1D

from nlp.errors import ModelError
from nlp.tuned import TunedEncoder

CHANGED = ("c_attn", "c_proj")
"""The layers of a GPT-2 that have low-rank changes, by the end of their names."""


class ChangedLinear(torch.nn.Linear):
    """A frozen linear layer and its change, computed beside it: x W' + x down' up'.

    Computed as one weight, W + up @ down, the gradient of the whole weight would be computed at every
    step, a fourth of a step's work. `up` is zero at first: training starts from the layer as it is.
    """

    def __init__(self, layer: torch.nn.Linear, rank: int) -> None:
        super().__init__(layer.in_features, layer.out_features, layer.bias is not None, device="meta")
        self.weight, self.bias = layer.weight, layer.bias
        self.down = torch.nn.Parameter(torch.randn(rank, self.in_features) / self.in_features**0.5)
        self.up = torch.nn.Parameter(torch.zeros(self.out_features, rank))

    def forward(self, input: Tensor) -> Tensor:
        return super().forward(input) + input @ self.down.T @ self.up.T


def make_trainable(encoder: TunedEncoder, rank: int) -> None:
    """Add changes of a rank that training can learn; the weights themselves stay as they are.

    Hu et al. find ranks of 4 to 16 enough for models many times this size.
    """
    # Measured on a processor: eager attention trains faster than the fused one, and dropping attention
    # weights costs a fifth of a step. States are still dropped.
    encoder.body.config._attn_implementation = "eager"
    for module in encoder.modules():
        if isinstance(module, BertSelfAttention):
            module.dropout.p = 0.0
    for name, layer in list(encoder.tuned()):
        encoder.layers.set_submodule(name, ChangedLinear(layer, rank))


def changes_of(encoder: TunedEncoder) -> dict[str, Tensor]:
    """The learned changes: for each tuned layer NAME.up (out, rank) and NAME.down (rank, in)."""
    return {
        f"{name}.{side}": layer.get_parameter(side).detach()
        for name, layer in encoder.tuned()
        for side in ("up", "down")
    }


class ChangedConv1D(torch.nn.Module):
    """A frozen Conv1D, which keeps its weight as (in, out), and its change, computed beside it."""

    def __init__(self, layer: Conv1D, rank: int, random: torch.Generator) -> None:
        super().__init__()
        into, out = layer.weight.shape
        self.layer = layer
        self.down = torch.nn.Parameter(torch.randn(rank, into, generator=random) / into**0.5)
        self.up = torch.nn.Parameter(torch.zeros(out, rank))

    @property
    def weight(self) -> Tensor:
        """The weight with its change, (in, out)."""
        return self.layer.weight + (self.up @ self.down).T

    @property
    def bias(self) -> Tensor:
        return self.layer.bias

    def forward(self, hidden: Tensor) -> Tensor:
        changed: Tensor = self.layer(hidden) + hidden @ self.down.T @ self.up.T
        return changed


class LastRows(torch.nn.Module):
    """An embedding whose rows from `first` on are trained while the others are frozen."""

    def __init__(self, embedding: torch.nn.Embedding, first: int) -> None:
        super().__init__()
        table = embedding.weight.detach()
        self.frozen = torch.nn.Parameter(table[:first], requires_grad=False)
        self.rows = torch.nn.Parameter(table[first:].clone())

    @property
    def weight(self) -> Tensor:
        """All rows, (vocabulary, width)."""
        return torch.cat([self.frozen, self.rows])

    def forward(self, ids: Tensor) -> Tensor:
        first = len(self.frozen)
        old = torch.nn.functional.embedding(ids.clamp(max=first - 1), self.frozen)
        new = torch.nn.functional.embedding((ids - first).clamp(min=0), self.rows)
        return torch.where((ids < first).unsqueeze(-1), old, new)


class TiedOutput(torch.nn.Module):
    """The output matrix of a GPT-2: the rows of its embedding once more."""

    bias: Tensor | None = None
    """As a linear layer says that it has none."""

    def __init__(self, embedding: LastRows) -> None:
        super().__init__()
        self.embedding = embedding

    @property
    def weight(self) -> Tensor:
        return self.embedding.weight

    def forward(self, hidden: Tensor) -> Tensor:
        # Apart, so that no gradient is computed for the frozen rows.
        return torch.cat([hidden @ self.embedding.frozen.T, hidden @ self.embedding.rows.T], dim=-1)


def change_gpt2(model: GPT2LMHeadModel, *, rank: int, first: int, seed: int) -> None:
    """Freeze a GPT-2 but for low-rank changes to its layers, and its tokens from id `first` on."""
    random = torch.Generator().manual_seed(seed)
    model.requires_grad_(False)
    for name, layer in list(model.named_modules()):
        if isinstance(layer, Conv1D) and name.endswith(CHANGED):
            model.set_submodule(name, ChangedConv1D(layer, rank, random))
    embedding = LastRows(model.transformer.wte, first)
    model.set_submodule("transformer.wte", embedding)
    model.set_submodule("lm_head", TiedOutput(embedding))


def plain_weights(model: GPT2LMHeadModel) -> dict[str, Tensor]:
    """The weights of a GPT-2 under their usual names, changes added; the tied output matrix is left out."""
    made: dict[str, Tensor] = {}
    replaced: list[str] = ["lm_head."]
    for name, module in model.named_modules():
        if isinstance(module, ChangedConv1D):
            made |= {f"{name}.weight": module.weight.detach(), f"{name}.bias": module.bias.detach()}
        elif isinstance(module, LastRows):
            made[f"{name}.weight"] = module.weight.detach()
        else:
            continue
        replaced.append(f"{name}.")
    kept = {k: value for k, value in model.state_dict().items() if not k.startswith(tuple(replaced))}
    return kept | made


def begin_with(encoder: TunedEncoder, changes: Mapping[str, Tensor]) -> None:
    """Go on from learned changes, named as by `changes_of`; raises ModelError where their shape differs."""
    with torch.no_grad():
        for name, layer in encoder.tuned():
            for side in ("up", "down"):
                begun, kept = layer.get_parameter(side), changes.get(f"{name}.{side}")
                if kept is None or kept.shape != begun.shape:
                    raise ModelError(f"the changes of {name} are missing or of another rank")
                begun.copy_(kept)
