"""Fine-tune (or train from scratch) the GPT-2 reply model on ready examples.

One plain loop: AdamW, linear warm-up and cosine decay, gradient clipping, bf16 where the chip has it, cross
entropy on the labelled tokens only. The same seed gives the same weights bit for bit on one CPU
type and thread count, and a run that was killed goes on from its last checkpoint to the same
weights. Knows token ids and nothing of conversations.
"""

from __future__ import annotations

import json
import logging
import math
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor
from transformers import GPT2LMHeadModel

from nlp.device import has_bf16
from training import checkpoints

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Example:
    """Token ids and, for each, the weight of its prediction in the loss (0 = context only)."""

    ids: tuple[int, ...]
    weights: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class TuneConfig:
    """Settings of one run; `tokens_per_batch` counts padding."""

    steps: int
    horizon: int = 0
    """Steps over which the rate falls, where a later run goes on from here; 0 means `steps`."""
    seed: int = 17
    learning_rate: float = 1e-3
    final_rate: float = 1e-4
    warmup_steps: int = 200
    weight_decay: float = 0.05
    betas: tuple[float, float] = (0.9, 0.98)
    clip: float = 1.0
    tokens_per_batch: int = 6144
    checkpoint_every: int = 200
    threads: int = 1


def tune(
    model: GPT2LMHeadModel,
    examples: Sequence[Example],
    config: TuneConfig,
    *,
    checkpoint: Path,
    validation: Sequence[Example] = (),
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[dict[str, float]]:
    """Train `model` in place for `config.steps` steps; return the log rows (step, loss, validation loss).

    Only what requires a gradient is trained, and kept in the checkpoints: all of it, or low-rank changes.
    `checkpoint` is a folder of this run alone: where it already holds a state, the run resumes from it.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(config.threads)
    torch.manual_seed(config.seed)
    optimizer = torch.optim.AdamW(
        _groups(model, config.weight_decay), lr=config.learning_rate, betas=config.betas
    )
    weights = {name: value for name, value in model.named_parameters() if value.requires_grad}
    state = checkpoints.resume(checkpoint, weights, optimizer)
    step, rows = state.step, state.rows
    batches = checkpoints.endless(partial(epoch, examples, config.tokens_per_batch), config.seed, step)
    started, tokens, losses = time.monotonic(), 0, []
    model.train()
    while step < config.steps:
        ids, wanted = next(batches)
        for group in optimizer.param_groups:
            group["lr"] = rate(step, config)
        loss = weighted_loss(model, ids, wanted)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(weights.values(), config.clip)
        optimizer.step()
        step, tokens = step + 1, tokens + ids.numel()
        losses.append(float(loss.detach()))
        progress(step, config.steps)
        if step % config.checkpoint_every == 0 or step == config.steps:
            rows.append(_row(step, losses, model, validation, tokens / (time.monotonic() - started)))
            losses = []
            log.info("step %d of %d: %s", step, config.steps, json.dumps(rows[-1]))
            checkpoints.save(checkpoint, weights, optimizer, step, rows)
    torch.set_num_threads(threads)
    return rows


def rate(step: int, config: TuneConfig) -> float:
    """Learning rate at `step`: linear warm-up, then cosine from `learning_rate` to `final_rate`."""
    steps = config.horizon or config.steps
    return warm_cosine(step, steps, config.warmup_steps, config.learning_rate, config.final_rate)


def warm_cosine(step: int, steps: int, warmup: int, highest: float, final: float) -> float:
    """A rate that rises linearly to `highest` in `warmup` steps and falls on a cosine to `final`."""
    if step < warmup:
        return highest * (step + 1) / warmup
    done = (step - warmup) / max(1, steps - warmup)
    return final + 0.5 * (highest - final) * (1 + math.cos(math.pi * done))


def weighted_loss(model: GPT2LMHeadModel, ids: Tensor, weights: Tensor) -> Tensor:
    """Mean weighted cross entropy of the next token, in nats; ids and weights (B, T), right-padded."""
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=has_bf16("cpu")):
        hidden = model.transformer(input_ids=ids[:, :-1]).last_hidden_state
        wanted = weights[:, 1:] > 0
        logits = model.lm_head(hidden[wanted])
    losses = torch.nn.functional.cross_entropy(logits.float(), ids[:, 1:][wanted], reduction="none")
    chosen = weights[:, 1:][wanted]
    return (losses * chosen).sum() / chosen.sum()


@torch.no_grad()
def validation_loss(
    model: GPT2LMHeadModel, examples: Sequence[Example], tokens_per_batch: int = 6144
) -> float:
    """Mean loss in nats a labelled token (weights of 1 only count)."""
    model.train(False)
    total, count = 0.0, 0
    ordered = sorted(examples, key=lambda e: len(e.ids))
    for batch in _grouped(ordered, tokens_per_batch):
        ids, weights = padded(batch)
        weights = (weights >= 1).float()
        wanted = int(weights[:, 1:].sum())
        total += float(weighted_loss(model, ids, weights)) * wanted
        count += wanted
    model.train()
    return total / max(1, count)


def _groups(model: GPT2LMHeadModel, decay: float) -> list[dict[str, object]]:
    """Matrices decay; biases and layer norms do not."""
    trained = [p for p in model.parameters() if p.requires_grad]
    matrices = [p for p in trained if p.dim() >= 2]
    vectors = [p for p in trained if p.dim() < 2]
    return [{"params": matrices, "weight_decay": decay}, {"params": vectors, "weight_decay": 0.0}]


def epoch(examples: Sequence[Example], tokens: int, rng: random.Random) -> Iterator[tuple[Tensor, Tensor]]:
    """All examples once, in batches in random order."""
    order = list(range(len(examples)))
    rng.shuffle(order)
    groups: list[list[Example]] = []
    # Sort by length inside large windows: little padding, and still a random order.
    for start in range(0, len(order), 2048):
        window = sorted((examples[i] for i in order[start : start + 2048]), key=lambda e: len(e.ids))
        groups += list(_grouped(window, tokens))
    rng.shuffle(groups)
    return map(padded, groups)


def _grouped(examples: Sequence[Example], tokens: int) -> Iterator[list[Example]]:
    group: list[Example] = []
    longest = 0
    for example in examples:
        longest = max(longest, len(example.ids))
        if group and longest * (len(group) + 1) > tokens:
            yield group
            group, longest = [], len(example.ids)
        group.append(example)
    if group:
        yield group


def padded(group: Sequence[Example]) -> tuple[Tensor, Tensor]:
    """Ids and loss weights of examples, each (n, longest), right-padded with zeros."""
    longest = max(len(e.ids) for e in group)
    ids = torch.zeros((len(group), longest), dtype=torch.long)
    weights = torch.zeros((len(group), longest))
    for row, example in enumerate(group):
        ids[row, : len(example.ids)] = torch.tensor(example.ids)
        weights[row, : len(example.ids)] = torch.tensor(example.weights)
    return ids, weights


def _row(
    step: int, losses: list[float], model: GPT2LMHeadModel, validation: Sequence[Example], speed: float
) -> dict[str, float]:
    row = {"step": step, "loss": round(sum(losses) / len(losses), 4), "tokens_per_second": round(speed)}
    if validation:
        row["validation_loss"] = round(validation_loss(model, validation), 4)
    return row
