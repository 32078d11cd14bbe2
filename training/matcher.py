"""Train the matcher: the sentence encoder learns, by low-rank changes, which reply answers what.

Two kinds of lessons in every step. True replies: each conversation of a batch must find its own
reply among those of the whole batch, and each reply its conversation (in-batch negatives). Verdicts:
of the candidates that people judged for one moment, those they would send must be nearer than those
they would not. Knows templates and token ids; knows no index and no pipeline.
"""

from __future__ import annotations

import json
import logging
import math
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path
from typing import TypeVar

import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional

from nlp.context import Turns
from nlp.device import has_bf16
from nlp.matcher import CONVERSATION, FILE, REPLY, MatchCodec, MatchModel, read_changes
from nlp.minilm import load_tokenizer
from training import checkpoints
from training.finetune import warm_cosine
from training.lowrank import begin_with, changes_of, make_trainable

log = logging.getLogger(__name__)
T = TypeVar("T")

RANK = 16
"""Of the changes to the encoder."""
FIRST_SCALE = 20.0
"""What cosines are multiplied by before the softmax; it is learned from here on."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """A moment and its true reply; lessons of one `group` are never each other's wrong answers."""

    turns: Turns
    reply: str
    group: str


@dataclass(frozen=True, slots=True)
class Judged:
    """A moment and the candidates that people judged for it; some were sendable and some not."""

    turns: Turns
    replies: tuple[str, ...]
    send: tuple[bool, ...]


@dataclass(frozen=True, slots=True)
class MatchConfig:
    """Settings of one run; a step sees `lessons` true pairs and `judged` judged moments."""

    steps: int
    seed: int = 17
    learning_rate: float = 1e-3
    final_rate: float = 5e-5
    warmup_steps: int = 20
    weight_decay: float = 0.01
    lessons: int = 64
    judged: int = 4
    judged_weight: float = 0.3
    clip: float = 1.0
    checkpoint_every: int = 40
    threads: int = 1


def new_matcher(seed: int, begin: Path | None = None) -> tuple[MatchModel, MatchCodec]:
    """A matcher whose low-rank changes are all that can be trained: none yet, or those of a folder.

    Raises ModelError where the folder's can't be read.
    """
    torch.manual_seed(seed)
    model = MatchModel()
    make_trainable(model.encoder, RANK)
    if begin is not None:
        begin_with(model.encoder, read_changes(begin))
    return model, MatchCodec(load_tokenizer())


def fit_matcher(
    model: MatchModel,
    codec: MatchCodec,
    courses: Sequence[Sequence[Lesson]],
    judged: Sequence[Judged],
    config: MatchConfig,
    *,
    checkpoint: Path,
    validation: Sequence[Lesson] = (),
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[checkpoints.Row]:
    """Train in place; return the log rows. `checkpoint` is a folder of this run alone, resumed from.

    The steps take a batch of one course each, in turn: the replies of another shop would be wrong answers
    that are told by their subject alone.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(config.threads)
    torch.manual_seed(config.seed)
    weights = {name: value for name, value in model.named_parameters() if value.requires_grad}
    weights["scale"] = torch.nn.Parameter(torch.tensor(math.log(FIRST_SCALE)))
    optimizer = torch.optim.AdamW(weights.values(), lr=config.learning_rate, weight_decay=config.weight_decay)
    state = checkpoints.resume(checkpoint, weights, optimizer)
    step, rows = state.step, state.rows
    batches = _in_turn(courses, config, step)
    verdicts = checkpoints.endless(partial(_shuffled, judged, config.judged), config.seed, step)
    losses: list[tuple[float, float]] = []
    model.train()
    while step < config.steps:
        for group in optimizer.param_groups:
            group["lr"] = warm_cosine(
                step, config.steps, config.warmup_steps, config.learning_rate, config.final_rate
            )
        scale = weights["scale"].exp()
        true = pairs_loss(model, codec, next(batches), scale)
        verdict = judged_loss(model, codec, next(verdicts), scale)
        optimizer.zero_grad(set_to_none=True)
        (true + config.judged_weight * verdict).backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(weights.values(), config.clip)
        optimizer.step()
        step += 1
        losses.append((float(true.detach()), float(verdict.detach())))
        progress(step, config.steps)
        if step % config.checkpoint_every == 0 or step == config.steps:
            rows.append(_row(step, losses, model, codec, validation))
            losses = []
            log.info("matcher, step %d of %d: %s", step, config.steps, json.dumps(rows[-1]))
            checkpoints.save(checkpoint, weights, optimizer, step, rows)
    torch.set_num_threads(threads)
    return rows


def save_matcher(model: MatchModel, folder: Path) -> None:
    """Write `matcher.safetensors`: the low-rank changes, in half precision."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {name: value.half().contiguous() for name, value in changes_of(model.encoder).items()}
    save_file(tensors, folder / FILE)


def pairs_loss(model: MatchModel, codec: MatchCodec, lessons: Sequence[Lesson], scale: Tensor) -> Tensor:
    """Cross entropy of finding one's own reply, and one's own conversation, in the batch; in nats."""
    asked = _vectors(model, [codec.conversation(one.turns) for one in lessons], CONVERSATION)
    given = _vectors(model, [codec.reply(one.reply) for one in lessons], REPLY)
    scores = asked @ given.T * scale
    kin = torch.tensor(
        [[a is not b and (a.group == b.group or a.reply == b.reply) for b in lessons] for a in lessons]
    )
    scores = scores.masked_fill(kin, -1e4)
    own = torch.arange(len(lessons))
    return (functional.cross_entropy(scores, own) + functional.cross_entropy(scores.T, own)) / 2


def judged_loss(model: MatchModel, codec: MatchCodec, judged: Sequence[Judged], scale: Tensor) -> Tensor:
    """Minus the log of the sendable candidates' share of the softmax over all of a moment, in nats."""
    if not judged:
        return scale * 0
    asked = _vectors(model, [codec.conversation(one.turns) for one in judged], CONVERSATION)
    texts = [text for one in judged for text in one.replies]
    given = _vectors(model, [codec.reply(text) for text in texts], REPLY)
    parts = []
    groups = torch.split(given, [len(one.replies) for one in judged])
    for vector, group, one in zip(asked, groups, judged, strict=True):
        chances = (group @ vector * scale).log_softmax(0)
        parts.append(-chances[torch.tensor(one.send)].logsumexp(0))
    return torch.stack(parts).mean()


def _vectors(model: MatchModel, rows: Sequence[Sequence[int]], kind: int) -> Tensor:
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=has_bf16("cpu")):
        found: Tensor = model(rows, kind)
    return found


@torch.no_grad()
def found_first(model: MatchModel, codec: MatchCodec, lessons: Sequence[Lesson]) -> float:
    """How often a conversation is nearest to its own reply among the replies of all `lessons`."""
    model.train(False)
    asked = _vectors(model, [codec.conversation(one.turns) for one in lessons], CONVERSATION)
    given = _vectors(model, [codec.reply(one.reply) for one in lessons], REPLY)
    model.train()
    nearest = (asked @ given.T).argmax(1)
    return float((nearest == torch.arange(len(lessons))).float().mean())


def _row(
    step: int,
    losses: Sequence[tuple[float, float]],
    model: MatchModel,
    codec: MatchCodec,
    validation: Sequence[Lesson],
) -> checkpoints.Row:
    row: checkpoints.Row = {"step": step}
    row["loss"] = round(sum(true for true, _ in losses) / len(losses), 4)
    row["judged_loss"] = round(sum(verdict for _, verdict in losses) / len(losses), 4)
    if validation:
        row["found_first"] = round(found_first(model, codec, validation), 4)
    return row


def _in_turn(courses: Sequence[Sequence[Lesson]], config: MatchConfig, skip: int) -> Iterator[list[Lesson]]:
    """Batches of the courses from step `skip` on."""
    each = [
        checkpoints.endless(
            partial(_shuffled, course, config.lessons), config.seed, len(range(at, skip, len(courses)))
        )
        for at, course in enumerate(courses)
    ]
    return (next(each[step % len(each)]) for step in count(skip))


def _shuffled(rows: Sequence[T], size: int, rng: random.Random) -> Iterator[list[T]]:
    """All rows in groups of `size`, in random order; what is left over at the end stays out."""
    order = list(range(len(rows)))
    rng.shuffle(order)
    for start in range(0, max(1, len(order) - size + 1), size):
        yield [rows[at] for at in order[start : start + size]]
