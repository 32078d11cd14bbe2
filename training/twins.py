"""Twins among conversations: the same one told twice, and paraphrases that must stay on one side of a split.

Copies are found by MinHash over runs of words (Broder, 1997) and confirmed by the true share of runs that two
have in common; paraphrases by the sentence vectors of what was asked and what was answered. Values are slots
in both, since two orders of one template are no two conversations. Knows texts and vectors; knows no model.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import numpy as np
from datasketch import MinHash, MinHashLSH
from numpy.typing import NDArray

from nlp.context import Embed, Vectors
from nlp.types import Turn

RUN = 3
"""Words in a run."""
COPY = 0.8
"""Share of their runs that two conversations have in common from which they are one (training/LOG.md)."""
ASKED, ANSWERED = 0.9, 0.9
"""Cosines from which an opening and an answer are paraphrases of others; both must be."""
_PERMUTATIONS, _SEED = 128, 17
_BANDS = 0.6
"""Pairs are looked at from this estimated share on, well below COPY: an estimate errs by 0.09."""
_OPENING_WORDS = 4
"""Words that make a customer's turns say something: "hi" opens every conversation."""
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)?|<\|slot:[a-z_]+\|>")


def runs(turns: Sequence[Turn]) -> frozenset[str]:
    """Every run of RUN words of a conversation, in which a change of speaker is a word too."""
    words = [word for turn in turns for word in (f"{turn.role}:", *_WORD.findall(turn.text.lower()))]
    if len(words) <= RUN:
        return frozenset((" ".join(words),))
    return frozenset(" ".join(words[at : at + RUN]) for at in range(len(words) - RUN + 1))


def shared(one: frozenset[str], other: frozenset[str]) -> float:
    """Share of runs that two conversations have in common (Jaccard, 1901), between 0 and 1."""
    return len(one & other) / max(1, len(one | other))


def copies(found: Sequence[frozenset[str]], least: float = COPY) -> dict[int, int]:
    """Places of near copies of an earlier, kept conversation: place of the copy to place of that one."""
    near = MinHashLSH(threshold=_BANDS, num_perm=_PERMUTATIONS)
    out: dict[int, int] = {}
    for at, mine in enumerate(found):
        sketch = MinHash(num_perm=_PERMUTATIONS, seed=_SEED)
        sketch.update_batch([run.encode("utf-8", "surrogatepass") for run in sorted(mine)])
        like = [other for other in sorted(near.query(sketch)) if shared(mine, found[other]) >= least]
        if like:
            out[at] = like[0]
        else:
            near.insert(at, sketch)
    return out


def exchange(turns: Sequence[Turn]) -> tuple[str, str]:
    """What a customer came for, and what the agent said to it; the answer is "" where there is none."""
    said: list[str] = []
    for at, turn in enumerate(turns):
        if turn.role == "customer":
            said.append(turn.text)
        elif len(_WORD.findall(" ".join(said))) >= _OPENING_WORDS or (said and _last_word(turns[at:])):
            return " ".join(said), turn.text
    return " ".join(said), ""


def _last_word(turns: Sequence[Turn]) -> bool:
    """Does the customer say nothing any more?"""
    return all(turn.role != "customer" for turn in turns)


def clusters(
    names: Sequence[str],
    exchanges: Sequence[tuple[str, str]],
    embed: Embed,
    asked: float = ASKED,
    answered: float = ANSWERED,
) -> dict[str, str]:
    """Name of each conversation to the name of its cluster, which is its first conversation's.

    Paraphrases of paraphrases are in one cluster, so that no pair is ever apart; so are equal names.
    """
    leader = {name: name for name in names}

    def find(name: str) -> str:
        while leader[name] != name:
            leader[name] = name = leader[leader[name]]
        return name

    order = {name: at for at, name in enumerate(dict.fromkeys(names))}
    openings, answers = (_vectors(texts, embed) for texts in zip(*exchanges, strict=True))
    for one, other in _pairs(openings, answers, asked, answered):
        first, second = sorted((find(names[one]), find(names[other])), key=order.__getitem__)
        leader[second] = first
    return {name: find(name) for name in names}


def _vectors(texts: Sequence[str], embed: Embed) -> Vectors:
    rows = {text: row for row, text in enumerate(dict.fromkeys(texts))}
    return embed(list(rows))[[rows[text] for text in texts]]


def _pairs(
    openings: Vectors, answers: Vectors, asked: float, answered: float, block: int = 512
) -> Iterator[tuple[int, int]]:
    """Places whose openings and answers are both alike, each pair once."""
    for start in range(0, len(openings), block):
        near: NDArray[np.bool_] = openings[start : start + block] @ openings[start:].T >= asked
        near &= answers[start : start + block] @ answers[start:].T >= answered
        for row, other in np.argwhere(np.triu(near, 1)).tolist():
            yield start + row, start + other
