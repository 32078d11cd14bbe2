"""States of a training run on disk: a killed run goes on from its last one to the same weights.

A state is the trained tensors, the optimiser's moments, torch's random state, and the log rows so
far. Knows tensors by name and nothing of what is trained.
"""

from __future__ import annotations

import json
import logging
import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path
from typing import TypeVar

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

log = logging.getLogger(__name__)

T = TypeVar("T")
Row = dict[str, float]


@dataclass(frozen=True, slots=True)
class State:
    """Where a run stands: steps done, and its log rows."""

    step: int
    rows: list[Row]


def is_finished(folder: Path, steps: int) -> bool:
    """Has the run of this folder done `steps` steps?"""
    note = folder / "state.json"
    return note.exists() and bool(json.loads(note.read_text())["step"] >= steps)


def save(
    folder: Path,
    weights: Mapping[str, Tensor],
    optimizer: torch.optim.Optimizer,
    step: int,
    rows: list[Row],
) -> None:
    """Write the state beside the old one, then point to it: a kill in between leaves the old one whole."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {f"model.{name}": value.detach().contiguous() for name, value in weights.items()}
    for number, moments in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{number}.{name}": value for name, value in moments.items()}
    name = f"state-{step}.safetensors"
    save_file(tensors, folder / name)
    save_file({"rng": torch.get_rng_state()}, folder / f"rng-{step}.safetensors")
    note = folder / "state.json.new"
    note.write_text(json.dumps({"step": step, "file": name, "rows": rows}))
    note.rename(folder / "state.json")
    for old in folder.glob("*.safetensors"):
        if not old.stem.endswith(f"-{step}"):
            old.unlink()


def resume(folder: Path, weights: Mapping[str, Tensor], optimizer: torch.optim.Optimizer) -> State:
    """Put the folder's state into `weights`, the optimiser and torch's generator; step 0 where none is."""
    if not (folder / "state.json").exists():
        return State(0, [])
    note = json.loads((folder / "state.json").read_text())
    tensors = load_file(folder / note["file"])
    with torch.no_grad():
        for name, value in weights.items():
            value.copy_(tensors[f"model.{name}"])
    state: dict[int, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        if key.startswith("optimizer."):
            _, number, name = key.split(".")
            state.setdefault(int(number), {})[name] = tensor
    optimizer.load_state_dict({**optimizer.state_dict(), "state": state})
    torch.set_rng_state(load_file(folder / f"rng-{note['step']}.safetensors")["rng"])
    log.info("resuming at step %d", note["step"])
    return State(note["step"], note["rows"])


def endless(epoch: Callable[[random.Random], Iterable[T]], seed: int, skip: int) -> Iterator[T]:
    """What `epoch` yields, epoch after epoch, in an order that depends on the seed and the epoch alone.

    The first `skip` are left out: a run that goes on sees what it would have seen.
    """
    every = (one for at in count() for one in epoch(random.Random(f"{seed}-{at}")))
    return islice(every, skip, None)
