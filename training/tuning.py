"""The loop that trains a head together with low-rank changes to the encoder. The caller brings the loss.

The same seed gives the same weights bit for bit on one kind of processor and thread count, and a run
that was killed goes on from its last state to the same weights. Knows no task.
"""

from __future__ import annotations

import json
import logging
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from nlp.backbone import Backbone
from nlp.batches import Tokens, padded
from nlp.device import has_bf16
from nlp.encoder import Encoder
from nlp.heads import Head
from training import checkpoints
from training.finetune import warm_cosine
from training.lowrank import make_trainable

log = logging.getLogger(__name__)
CHUNK = 512


class Split(Protocol):
    """A row that is learned from or held out."""

    @property
    def held_out(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Plan:
    """How long and how fast a head learns; the head itself faster than the changes to the encoder."""

    epochs: float
    batch: int = 32
    rank: int = 32
    changes_rate: float = 5e-4
    head_rate: float = 1e-3
    final_share: float = 0.05
    warmup_share: float = 0.08
    weight_decay: float = 0.02
    clip: float = 1.0
    checkpoint_every: int = 100
    threads: int = 1

    def steps(self, rows: int) -> int:
        """Optimiser steps over so many rows."""
        return max(1, round(self.epochs * rows / self.batch))


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows of a set as token ids (n, T) and mask (n, T) bool, padded to the longest of them."""

    rows: list[int]
    ids: Tensor
    mask: Tensor


class Texts:
    """A set's texts as tokens, kept once and served as batches."""

    def __init__(self, encoder: Encoder | Backbone, texts: Sequence[str]) -> None:
        self.texts = tuple(texts)
        self.offsets: list[tuple[tuple[int, int], ...]] = []
        self.words: list[tuple[int, ...]] = []
        self._ids: list[list[int]] = []
        for start in range(0, len(texts), CHUNK):
            self._keep(encoder.tokens(self.texts[start : start + CHUNK]))

    def __len__(self) -> int:
        return len(self.texts)

    def _keep(self, tokens: Tokens) -> None:
        self.offsets += tokens.offsets
        self.words += tokens.words
        lengths = tokens.mask.sum(1).tolist()
        self._ids += [row[:length] for row, length in zip(tokens.ids.tolist(), lengths, strict=True)]

    def batch(self, rows: list[int]) -> Batch:
        """The given rows."""
        return Batch(rows, *padded([self._ids[row] for row in rows]))

    def batches(self, rows: Sequence[int], size: int, rng: random.Random | None = None) -> Iterator[Batch]:
        """Batches of texts of like length; in random order where `rng` is given."""
        jitter = rng.random if rng else lambda: 0.0
        keyed = sorted((len(self._ids[row]) + 8 * jitter(), row) for row in rows)
        order = [row for _, row in keyed]
        chunks = [order[start : start + size] for start in range(0, len(order), size)]
        if rng:
            rng.shuffle(chunks)
        for chunk in chunks:
            yield self.batch(chunk)


def tune_head(
    head: Head,
    texts: Texts,
    rows: Sequence[int],
    loss: Callable[[Batch], Tensor],
    plan: Plan,
    seed: int,
    checkpoint: Path,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> None:
    """Train `head` in place on `rows`; what is trained is the head's own weights and the changes.

    `checkpoint` is a folder of this run alone: where it already holds a state, the run resumes from it.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(plan.threads)
    torch.manual_seed(seed)
    make_trainable(head.encoder, plan.rank)
    weights = {name: value for name, value in head.named_parameters() if value.requires_grad}
    changes = [value for name, value in weights.items() if name.startswith("encoder.body.")]
    own = [value for name, value in weights.items() if not name.startswith("encoder.body.")]
    rates = (plan.changes_rate, plan.head_rate)
    optimizer = torch.optim.AdamW(
        [{"params": changes}, {"params": own}], lr=plan.head_rate, weight_decay=plan.weight_decay
    )
    steps = plan.steps(len(rows))
    state = checkpoints.resume(checkpoint, weights, optimizer)
    step, log_rows, losses, began = state.step, state.rows, [], time.monotonic()
    batches = checkpoints.endless(lambda rng: texts.batches(rows, plan.batch, rng), seed, step)
    head.train()
    while step < steps:
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            warmup = round(plan.warmup_share * steps)
            group["lr"] = warm_cosine(step, steps, warmup, rate, rate * plan.final_share)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=has_bf16("cpu")):
            value = loss(next(batches))
        optimizer.zero_grad(set_to_none=True)
        value.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(weights.values(), plan.clip)
        optimizer.step()
        step += 1
        losses.append(float(value.detach()))
        progress(step, steps)
        if step % plan.checkpoint_every == 0 or step == steps:
            log_rows.append({"step": step, "loss": round(sum(losses) / len(losses), 4)})
            pace = (time.monotonic() - began) / len(losses)
            log.info("step %d of %d, %.2f s each: %s", step, steps, pace, json.dumps(log_rows[-1]))
            losses, began = [], time.monotonic()
            checkpoints.save(checkpoint, weights, optimizer, step, log_rows)
    head.eval()
    torch.set_num_threads(threads)


def backbone_of(encoder: Encoder | Backbone) -> Backbone | None:
    """What a head is made over: None is the shipped encoder."""
    return encoder if isinstance(encoder, Backbone) else None


def parts(rows: Sequence[Split]) -> tuple[list[int], list[int]]:
    """Row numbers to learn from, and those held out."""
    return (
        [at for at, row in enumerate(rows) if not row.held_out],
        [at for at, row in enumerate(rows) if row.held_out],
    )
