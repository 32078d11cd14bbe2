"""The written corpus, recombined into many conversations that could have happened.

Every sentence was written by a person; only who says what after what is new. A combination is
made only where it stays sensible: an agent never uses a value that the customer has not given,
and never asks for one that is already there. Knows the written corpus and nothing of models.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from nlp import slots
from nlp.ranking import asked_slots
from training.corpus import Dialogue, IntentFile, TurnPair, renamed, train_part

Vectors = Mapping[str, NDArray[np.float32]]
"""Template to unit vector, shape (384,)."""

OPENER, CLOSER = "greeting", "thanks_goodbye"
SWAP_COSINE = 0.72
"""A first message is exchanged only for one that says nearly the same: below, the answer no longer fits."""


def given(text: str) -> frozenset[str]:
    """Value slots in a template."""
    return frozenset(s for s in slots.slots_in(text) if s in slots.VALUE_SLOTS) - {"agent_name"}


def sensible(turns: Sequence[TurnPair]) -> bool:
    """Does no agent turn use a value not yet given, nor ask for one that is?"""
    known: set[str] = set()
    for role, text in turns:
        if role == "customer":
            known |= given(text)
        elif not given(text) <= known or asked_slots(text) & known:
            return False
    return True


def recombine(
    files: Sequence[IntentFile],
    embed: Callable[[Sequence[str]], NDArray[np.float32]],
    *,
    seed: int,
    per_dialogue: int = 18,
) -> list[Dialogue]:
    """All conversations to train on: the written ones and their combinations, no held-out one in any.

    Deterministic in `seed`. Ids are unique; `origin` is the id of the written conversation whose
    middle is used (or "<intent>/replies" for a phrasing joined with a reply).
    """
    rng = random.Random(seed)
    vectors = _vectors(files, embed)
    by_name = {f.intent: f for f in files}
    openers = [d.turns[:2] for d in train_part(by_name[OPENER].dialogues)] if OPENER in by_name else []
    closers = _closers(by_name[CLOSER]) if CLOSER in by_name else []
    made: list[Dialogue] = []
    for file in files:
        made += _pairs(file, vectors, rng)
        for dialogue in train_part(file.dialogues):
            made.append(dialogue)
            seen = {dialogue.turns}
            variants = _variants(dialogue, file, vectors, openers, closers, rng)
            # A person wrote it: where even the written turns seem not sensible, the rule is too strict.
            free = not sensible(dialogue.turns)
            for number, turns in enumerate(variants):
                if turns not in seen and (free or sensible(turns)):
                    seen.add(turns)
                    made.append(renamed(dialogue, str(number), turns))
                if len(seen) > per_dialogue or number > 4 * per_dialogue:
                    break
    return made


def _vectors(files: Sequence[IntentFile], embed: Callable[[Sequence[str]], NDArray[np.float32]]) -> Vectors:
    texts = dict.fromkeys(
        text for f in files for text in (*f.phrasings, *f.replies, *(d.turns[0][1] for d in f.dialogues))
    )
    found = embed([slots.spoken(text) for text in texts])
    return dict(zip(texts, found, strict=True))


def _closers(file: IntentFile) -> list[tuple[TurnPair, ...]]:
    """Thanks and answers that speak of nothing in particular."""
    plain = [p for p in file.phrasings if not given(p) and len(p.split()) <= 12]
    replies = [r for r in file.replies if not given(r)]
    return [(("customer", p), ("agent", r)) for p in plain for r in replies]


def _pairs(file: IntentFile, vectors: Vectors, rng: random.Random) -> list[Dialogue]:
    """Phrasing and reply pairs: every phrasing with three of the six replies that suit it best."""
    out: list[Dialogue] = []
    for number, phrasing in enumerate(file.phrasings):
        suiting = [r for r in file.replies if sensible((("customer", phrasing), ("agent", r)))]
        suiting.sort(key=lambda r: -float(vectors[r] @ vectors[phrasing]))
        for reply in rng.sample(suiting[:6], min(3, len(suiting))):
            turns: tuple[TurnPair, ...] = (("customer", noisy(phrasing, rng)), ("agent", reply))
            origin = f"{file.intent}/replies"
            out.append(Dialogue(f"{origin}~{number}-{len(out)}", origin, turns, file.intent))
    return out


def _variants(
    dialogue: Dialogue,
    file: IntentFile,
    vectors: Vectors,
    openers: Sequence[tuple[TurnPair, ...]],
    closers: Sequence[tuple[TurnPair, ...]],
    rng: random.Random,
) -> Iterator[tuple[TurnPair, ...]]:
    first = dialogue.turns[0][1]
    alike = [
        p for p in file.phrasings if given(p) == given(first) and vectors[p] @ vectors[first] >= SWAP_COSINE
    ]
    while True:
        turns = [(role, noisy(text, rng) if role == "customer" else text) for role, text in dialogue.turns]
        if alike and rng.random() < 0.5:
            turns[0] = ("customer", noisy(rng.choice(alike), rng))
        if openers and file.intent != OPENER and rng.random() < 0.2:
            turns = [*rng.choice(openers), *turns]
        if closers and file.intent != CLOSER and len(turns) <= 8 and rng.random() < 0.3:
            turns = [*turns, *rng.choice(closers)]
        yield tuple(turns)


def noisy(text: str, rng: random.Random) -> str:
    """A customer's text as it might have been typed: case, full stop, a slip of the finger. Slots stay."""
    parts = [(part, slot) for part, slot in slots.pieces(text)]
    lower = rng.random() < 0.25
    slip = rng.random() < 0.12
    out = []
    for part, slot in parts:
        if slot is None:
            part = part.lower() if lower else part
            part = _slip(part, rng) if slip else part
        out.append(part)
    typed = "".join(out)
    return typed.rstrip(".") if rng.random() < 0.3 else typed


def _slip(text: str, rng: random.Random) -> str:
    """One pair of neighbouring letters swapped, or one letter dropped."""
    places = [i for i in range(1, len(text) - 2) if text[i].isalpha() and text[i + 1].isalpha()]
    if not places:
        return text
    at = rng.choice(places)
    if rng.random() < 0.5:
        return text[:at] + text[at + 1] + text[at] + text[at + 2 :]
    return text[:at] + text[at + 1 :]
