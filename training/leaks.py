"""What a tuned reply model gives away: text of single conversations, recited, and secrets that were planted.

Before the test the model unlearns what it recites (training.forget), by prompts of other conversations than
those of the test. What stands in the prompt may be repeated: it is retrieved, not remembered. Knows
questions and a model's folder; what is allowed is training.gate's business.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import islice

from transformers import GPT2LMHeadModel

from nlp.generator import Generator
from nlp.prompts import Prompt, PromptCodec
from training.finetune import Example
from training.forget import ForgetConfig, forget
from training.lessons import Shown
from training.privacy import left_for_test, owners, recited
from training.progress import Progress

SAMPLED_REPLIES = 1000
"""Looked through for recited text."""
UNLEARN = ForgetConfig(rounds=3, replies=600, steps=16)

Owned = Mapping[str, str | None]


def owned_by(shown: Shown) -> dict[str, str | None]:
    """Eight-word spans of the conversations that were learned, with the only one that holds them."""
    dialogues = {m.dialogue.id: m.dialogue for m in shown.moments}
    return owners((name, text) for name, one in dialogues.items() for _, text in one.turns)


def prompts_of(shown: Shown) -> dict[bool, list[Prompt]]:
    """Prompts by whether they are left for the test, each with and without what retrieval finds."""
    out: dict[bool, list[Prompt]] = {False: [], True: []}
    for one, found in zip(shown.moments, shown.near, strict=True):
        for near in (found, ()):
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
    generator: Generator, prompts: Sequence[Prompt], count: int, seed: int, progress: Progress
) -> list[tuple[Prompt, str]]:
    """Up to `count` replies of the model, with the prompt of each."""
    chosen = random.Random(seed).sample(list(prompts), len(prompts))
    out: list[tuple[Prompt, str]] = []
    for one in islice(generator.freely(chosen), count):
        out.append(one)
        progress("looking for recited text", len(out), count)
    return out


def spans_recited(written: Sequence[tuple[Prompt, str]], owned: Owned) -> set[str]:
    """Spans of eight words that stand in one conversation only, and not in the prompt that was answered."""
    found: set[str] = set()
    for prompt, text in written:
        shown = owners([("", one) for one in (*(said for _, said in prompt.turns), *prompt.near)])
        found |= {one.span for one in recited([text], owned) if one.span not in shown}
    return found
