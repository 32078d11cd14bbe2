"""What a tuned reply model gives away: text of single conversations, recited, and secrets that were planted.

Before the test the model unlearns what it recites (training.forget), by prompts of other conversations than
those of the test. What stands in the prompt may be repeated: it is retrieved, not remembered. What it still
recites is held back when it serves (nlp.recitation), and counted here. Knows questions and a model's folder;
what is allowed is training.gate's business.
"""

from __future__ import annotations

import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import islice

from transformers import GPT2LMHeadModel

from nlp.generator import Generator
from nlp.prompts import Prompt, PromptCodec
from nlp.recitation import owners, spans
from training.finetune import Example
from training.forget import ForgetConfig, forget
from training.lessons import Shown
from training.privacy import left_for_test, recited
from training.progress import Progress

SAMPLED_REPLIES, FEWEST_SAMPLED = 1000, 200
"""Looked through for recited text, and the fewest where there is no time for all."""
UNLEARN = ForgetConfig(rounds=2, replies=300, steps=16)

Owned = Mapping[str, str | None]


def owned_by(shown: Shown) -> dict[str, str | None]:
    """Eight-word spans of the conversations that were learned, with the only one that holds them."""
    dialogues = {m.dialogue.id: m.dialogue for m in shown.moments}
    return owners((name, text) for name, one in dialogues.items() for _, text in one.turns)


def prompts_of(shown: Shown) -> dict[bool, list[Prompt]]:
    """Prompts by whether they are left for the test, each with all, some and none of what retrieval finds.

    The same prompt is always answered alike: in a small shop it takes several of a moment to sample enough.
    """
    out: dict[bool, list[Prompt]] = {False: [], True: []}
    for one, found in zip(shown.moments, shown.near, strict=True):
        for near in dict.fromkeys(map(tuple, (found, (), found[:1], found[1:], reversed(found)))):
            prompt = Prompt(one.turns, near, intent=one.dialogue.intent, mood=one.dialogue.mood)
            out[left_for_test(one.dialogue.id)].append(prompt)
    return out


def unlearn(
    model: GPT2LMHeadModel, codec: PromptCodec, shown: Shown, ordinary: Sequence[Example], seed: int
) -> list[int]:
    """Change `model` until it recites no more, or for so many rounds; spans that each round found."""
    prompts = prompts_of(shown)[False]
    return forget(model, codec, prompts, owned_by(shown), ordinary, replace(UNLEARN, seed=seed))


def sampled(
    generator: Generator,
    prompts: Sequence[Prompt],
    seed: int,
    progress: Progress,
    *,
    seconds: float,
    count: int = SAMPLED_REPLIES,
) -> list[tuple[Prompt, str]]:
    """Up to `count` replies of the model, with the prompt of each; FEWEST_SAMPLED once `seconds` are over."""
    began = time.monotonic()
    chosen = random.Random(seed).sample(list(prompts), len(prompts))
    out: list[tuple[Prompt, str]] = []
    for one in islice(generator.freely(chosen), count):
        out.append(one)
        progress("looking for recited text", len(out), count)
        if len(out) >= FEWEST_SAMPLED and time.monotonic() - began > seconds:
            break
    return out


def spans_recited(written: Sequence[tuple[Prompt, str]], owned: Owned) -> set[str]:
    """Spans of eight words that stand in one conversation only, and not in the prompt that was answered."""
    found: set[str] = set()
    for prompt, text in written:
        shown = {span for one in prompt.texts for span in spans(one)}
        found |= {one.span for one in recited([text], owned)} - shown
    return found
