"""Unlearn recited spans: what a reply model says that only one training conversation holds.

Replies are sampled and spans that stand in one training conversation only are looked up; for a few
steps the model is trained to find the last word of each less probable where it stood (unlikelihood,
Welleck et al., 2020), beside ordinary examples that keep the rest as it is. Then it is sampled
again. Knows the model, prompts and token ids; what counts as recited it asks `training.privacy`.
"""

from __future__ import annotations

import copy
import logging
import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import GPT2LMHeadModel

from nlp.device import has_bf16
from nlp.engine import Engine
from nlp.generator import Generator
from nlp.prompts import Prompt, PromptCodec
from nlp.recitation import WORD, spans
from training.finetune import Example, padded, weighted_loss
from training.privacy import recited

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ForgetConfig:
    """Settings: at most `rounds` rounds of sampling `replies` replies and `steps` steps each."""

    rounds: int = 4
    replies: int = 3000
    steps: int = 24
    seed: int = 17
    learning_rate: float = 5e-5
    ordinary: int = 24
    """Ordinary examples beside the recited ones in a step."""


@dataclass(frozen=True, slots=True)
class _Lapse:
    """A sampled reply that recites: its ids behind its prompt, and where the spans' last words begin."""

    ids: tuple[int, ...]
    places: tuple[int, ...]


def forget(
    model: GPT2LMHeadModel,
    codec: PromptCodec,
    prompts: Sequence[Prompt],
    owned: Mapping[str, str | None],
    ordinary: Sequence[Example],
    config: ForgetConfig,
) -> list[int]:
    """Change `model` in place; returns how many recited spans each round found, the last one's included.

    `prompts` must be others than those that the release is tested with.
    """
    rng = random.Random(config.seed)
    found = []
    for number in range(config.rounds):
        chosen = rng.sample(list(prompts), min(len(prompts), config.replies // 3))
        lapses, count = _lapses(model, codec, chosen, owned)
        found.append(count)
        log.info("forgetting, round %d: %d spans recited in %d prompts", number + 1, count, len(chosen))
        if not lapses:
            break
        _unlearn(model, lapses, ordinary, config, rng)
    return found


def _lapses(
    model: GPT2LMHeadModel, codec: PromptCodec, prompts: Sequence[Prompt], owned: Mapping[str, str | None]
) -> tuple[list[_Lapse], int]:
    """Sampled replies that recite, and how many different spans they hold."""
    dtype = torch.bfloat16 if has_bf16("cpu") else torch.float32
    writer = Generator(Engine(copy.deepcopy(model).train(False), end=codec.end, dtype=dtype), codec)
    lapses: list[_Lapse] = []
    all_said: set[str] = set()
    for prompt, template in writer.freely(prompts):
        # what the prompt holds was retrieved: to write it is the model's work
        shown = {span for text in prompt.texts for span in spans(text)}
        said = {one.span for one in recited([template], owned)} - shown
        if said:
            all_said |= said
            lapses.append(_lapse(codec, prompt, template, said))
    return lapses, len(all_said)


def _lapse(codec: PromptCodec, prompt: Prompt, template: str, said: set[str]) -> _Lapse:
    words = list(re.finditer(WORD, template.lower()))
    size = len(next(iter(said)).split())
    before = codec.prompt(prompt)
    places = []
    for at in range(len(words) - size + 1):
        run = words[at : at + size]
        if " ".join(word[0] for word in run) in said:
            places.append(len(before) + len(codec.encode(template[: run[-1].start()].rstrip())))
    return _Lapse((*before, *codec.encode(template)), tuple(places))


def _unlearn(
    model: GPT2LMHeadModel,
    lapses: Sequence[_Lapse],
    ordinary: Sequence[Example],
    config: ForgetConfig,
    rng: random.Random,
) -> None:
    optimizer = torch.optim.AdamW(model.parameters(), lr=config.learning_rate, weight_decay=0.0)
    model.train()
    for _ in range(config.steps):
        some = rng.sample(list(lapses), min(len(lapses), 16))
        kept = weighted_loss(model, *padded(rng.sample(list(ordinary), min(len(ordinary), config.ordinary))))
        loss = unlikelihood(model, some) + kept
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()


def unlikelihood(model: GPT2LMHeadModel, lapses: Sequence[_Lapse]) -> Tensor:
    """Mean of -log(1 - p) of the tokens at the lapses' places, in nats."""
    ids, _ = padded([Example(one.ids, (0.0,) * len(one.ids)) for one in lapses])
    rows = torch.tensor([row for row, one in enumerate(lapses) for _ in one.places])
    places = torch.tensor([place for one in lapses for place in one.places])
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=has_bf16("cpu")):
        hidden = model.transformer(input_ids=ids).last_hidden_state
        logits = model.lm_head(hidden[rows, places - 1])
    chances = logits.float().softmax(-1).gather(1, ids[rows, places][:, None])
    return -torch.log1p(-chances.clamp(max=1 - 1e-6)).mean()
