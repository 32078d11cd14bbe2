"""Dialogues to training examples: one for every agent turn, with the replies that retrieval would find.

Neighbours are looked up leave-one-origin-out, in random order and often dropped, so that the
model learns to adapt what it is shown and to do without. Knows the prompt layout and the
encoder's vectors; knows no model weights.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nlp import slots
from nlp.context import Embed, Vectors, query_vectors, short
from nlp.prompts import Prompt, PromptCodec
from training.corpus import Dialogue, TurnPair
from training.finetune import Example

MAX_TURNS = 6
REPLY_TOKENS = 64
NEIGHBOURS = 3
NO_NEIGHBOURS_RATE = 0.25
"""Share of examples with none at all; the retrieval notes of RetNRef-style models use about a third."""
DROP_RATE = 0.15
"""Chance for each neighbour to be left out of the others."""
NO_ARTICLE_RATE = 0.4
"""Share of examples without a help passage."""


@dataclass(frozen=True, slots=True)
class Moment:
    """One agent turn and what came before it."""

    dialogue: Dialogue
    turns: tuple[TurnPair, ...]
    reply: str

    @property
    def joined(self) -> str:
        """The last turns as one text, newest first: a cheaper query, for the large public sets."""
        return " / ".join(short(slots.spoken(text)) for _, text in reversed(self.turns[-4:]))


def moments(dialogues: Sequence[Dialogue]) -> Iterator[Moment]:
    """Every agent turn that follows a customer turn."""
    for dialogue in dialogues:
        for at in range(1, len(dialogue.turns)):
            if dialogue.turns[at][0] == "agent" and dialogue.turns[at - 1][0] == "customer":
                before = dialogue.turns[max(0, at - MAX_TURNS) : at]
                yield Moment(dialogue, before, dialogue.turns[at][1])


VectorsOf = Callable[[Sequence[Moment]], Vectors]
"""Moments to the unit vectors of their queries."""


def by_parts(embed: Embed) -> VectorsOf:
    """Queries as serving asks them."""
    return lambda wanted: query_vectors([m.turns for m in wanted], embed)


def by_joined(embed: Embed) -> VectorsOf:
    """Queries as one joined text each."""
    return lambda wanted: embed([m.joined for m in wanted])


@dataclass(frozen=True, slots=True)
class Memory:
    """Replies to retrieve from; `vectors` holds a query vector for each moment."""

    moments: Sequence[Moment]
    vectors: NDArray[np.float32]

    @classmethod
    def build(cls, dialogues: Sequence[Dialogue], vectors_of: VectorsOf) -> Memory:
        """Index all agent turns of `dialogues`."""
        found = list(moments(dialogues))
        return cls(found, vectors_of(found))

    def neighbours(
        self, wanted: Sequence[Moment], vectors: NDArray[np.float32], count: int
    ) -> list[list[str]]:
        """For each moment the `count` nearest distinct replies of other origins, nearest first."""
        numbers: dict[str, int] = {}
        origins = np.array([numbers.setdefault(m.dialogue.origin, len(numbers)) for m in self.moments])
        out: list[list[str]] = []
        for start in range(0, len(wanted), 512):
            scores = vectors[start : start + 512] @ self.vectors.T
            for row, moment in enumerate(wanted[start : start + 512]):
                own = numbers.get(moment.dialogue.origin, -1)
                allowed = np.where(origins == own, -2.0, scores[row])
                best = np.argpartition(-allowed, min(6 * count, len(allowed) - 1))[: 6 * count]
                ordered = best[np.argsort(-allowed[best], kind="stable")]
                replies = dict.fromkeys(self.moments[i].reply for i in ordered if allowed[i] > -2.0)
                replies.pop(moment.reply, None)
                out.append(list(replies)[:count])
        return out


def examples(
    wanted: Sequence[Moment],
    near: Sequence[Sequence[str]],
    articles: Sequence[str],
    codec: PromptCodec,
    *,
    seed: int,
    augment: bool = True,
    context_weight: float = 0.0,
) -> list[Example]:
    """Token ids and loss weights, one example a moment; `augment` drops and shuffles the evidence.

    `context_weight` is the loss weight of everything before the reply, whose own tokens weigh 1.
    `articles` holds the nearest help passage of each moment, "" where there is none.
    """
    rng = random.Random(seed)
    made = []
    for moment, replies, article in zip(wanted, near, articles, strict=True):
        shown = _shown(replies, rng) if augment else list(replies)
        known = not augment or rng.random() < 0.85
        prompt = Prompt(
            turns=moment.turns,
            near=shown,
            article=article if not augment or rng.random() >= NO_ARTICLE_RATE else "",
            intent=moment.dialogue.intent if known else "",
            mood=moment.dialogue.mood if known else "",
        )
        context = codec.prompt(prompt)
        reply = codec.reply(moment.reply, REPLY_TOKENS)
        weights = [context_weight] * len(context) + [1.0] * len(reply)
        made.append(Example(tuple(context + reply), tuple(weights)))
    return made


def _shown(replies: Sequence[str], rng: random.Random) -> list[str]:
    if rng.random() < NO_NEIGHBOURS_RATE:
        return []
    shown = [r for r in replies if rng.random() >= DROP_RATE]
    rng.shuffle(shown)
    return shown
