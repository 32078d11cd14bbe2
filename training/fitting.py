"""The loop that trains a small head on cached states. Knows no task; the caller brings the loss."""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import nn

from training.states import Batch, States


class Split(Protocol):
    """A row that is learned from or held out."""

    @property
    def held_out(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Plan:
    """How long and how fast a head learns."""

    epochs: int
    batch: int
    rate: float
    decay: float = 0.05


def fit(
    head: nn.Module,
    states: States,
    rows: Sequence[int],
    loss: Callable[[Batch], torch.Tensor],
    plan: Plan,
    seed: int,
) -> None:
    """Train `head` on `rows`: AdamW, one warm-up and one long way down for the rate."""
    rng = random.Random(seed)
    torch.manual_seed(seed)
    steps = plan.epochs * -(-len(rows) // plan.batch)
    optimizer = torch.optim.AdamW(head.parameters(), lr=plan.rate, weight_decay=plan.decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, plan.rate, total_steps=steps, pct_start=0.15, cycle_momentum=False
    )
    for epoch in range(plan.epochs):
        head.train()
        total, count, began = 0.0, 0, time.monotonic()
        for batch in states.batches(rows, plan.batch, rng):
            optimizer.zero_grad(set_to_none=True)
            with torch.autocast("cpu", torch.bfloat16):
                value = loss(batch)
            value.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(head.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            total, count = total + float(value.detach()), count + 1
        say(f"  epoch {epoch + 1}/{plan.epochs}: loss {total / count:.4f}, {time.monotonic() - began:.0f} s")
    head.eval()


def say(line: str) -> None:
    """Progress for the person who waits; stdout stays free for results."""
    print(line, file=sys.stderr, flush=True)


def parts(rows: Sequence[Split]) -> tuple[list[int], list[int]]:
    """Row numbers to learn from, and those held out."""
    return (
        [at for at, row in enumerate(rows) if not row.held_out],
        [at for at, row in enumerate(rows) if row.held_out],
    )
