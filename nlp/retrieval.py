"""Nearest past replies and help passages for a conversation: exact cosine search in memory.

Holds templates (delexicalised) and unit vectors. Knows no database and no
encoder: `nlp.memory` makes the entries.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nlp.types import Evidence, EvidenceKind

Vectors = NDArray[np.float32]

PASSAGE_WORDS = 34
NEVER = np.float32(-100.0)
"""A match that keeps a reply out, whatever its cosine."""
LIKELY = 150
"""Replies that stand for what may be said."""


def passages(body: str) -> list[str]:
    """An article's body in pieces of whole sentences, about PASSAGE_WORDS words each."""
    sentences = [s.strip() for s in re.split(r"(?<=[.!?])\s+|\n+", body) if s.strip()]
    out: list[str] = []
    for sentence in sentences:
        if out and len(out[-1].split()) + len(sentence.split()) <= PASSAGE_WORDS:
            out[-1] += " " + sentence
        else:
            out.append(sentence)
    return out


def words(template: str) -> list[str]:
    """The words of a template, lower case, plural and possessive s left off; slots are no words."""
    bare = re.sub(r"<\|slot:[a-z_]+\|>", " ", template.lower())
    return [w.removesuffix("'s").removesuffix("s") for w in re.findall(r"[a-z][a-z'-]+", bare)]


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing to find: what it offers (a template), and for people its title."""

    kind: EvidenceKind
    id: str
    title: str
    text: str
    intents: tuple[str, ...] = ()
    """What the customer had asked for when the reply came; what a passage is filed under."""
    negative: float = 0.5
    """P(negative) of the customer's message that a reply answered; 0.5 where nobody knows."""


class Index:
    """An immutable set of entries; swap a new one in to change it.

    `keys` are what entries are found by: for a reply the query vector of its own conversation,
    shape (QUERY_WIDTH,), for a passage a sentence vector, shape (384,). `texts` are the sentence
    vectors of what they offer.
    """

    def __init__(self, found: Sequence[Entry], keys: Sequence[Vectors], texts: Sequence[Vectors]) -> None:
        if not len(found) == len(keys) == len(texts):
            raise ValueError("as many vectors as entries are needed")
        self._shelves = {
            kind: _Shelf.of([(e, k, t) for e, k, t in zip(found, keys, texts, strict=True) if e.kind == kind])
            for kind in ("reply", "article")
        }
        self._intents = {e.id: frozenset(e.intents) for e in found}
        self._about: dict[str, list[int]] = {}
        for row, entry in enumerate(self._shelves["reply"].entries):
            for intent in entry.intents:
                self._about.setdefault(intent, []).append(row)
        self._texts: dict[str, Vectors] = {}
        for shelf in self._shelves.values():
            self._texts |= {e.text: t for e, t in zip(shelf.entries, shelf.texts, strict=True)}
        self._said_in = Counter(w for e in found if e.kind == "reply" for w in set(words(e.text)))
        self._replies = max(2, sum(e.kind == "reply" for e in found))

    def __len__(self) -> int:
        return sum(len(shelf.entries) for shelf in self._shelves.values())

    def intents_of(self, entry_id: str) -> frozenset[str]:
        """The intents of an entry; none where none is known."""
        return self._intents.get(entry_id, frozenset())

    def about(self, intents: Iterable[str]) -> NDArray[np.bool_]:
        """Which replies, (replies,), were given to a customer who had asked for one of the intents."""
        found = np.zeros(len(self._shelves["reply"].entries), dtype=bool)
        for intent in intents:
            found[self._about.get(intent, [])] = True
        return found

    def vector_of(self, text: str) -> Vectors | None:
        """The sentence vector (384,) of an entry's text, None for a text that is no entry's."""
        return self._texts.get(text)

    def novelty(self, text: str, context: Iterable[str]) -> float:
        """How much a text speaks of what nobody has mentioned, 0..1.

        Mean rarity of its three rarest words that stand in none of the `context` texts; the rarity of
        a word is its inverse frequency among the remembered replies, on a log scale.
        """
        said = {w for other in context for w in words(other)}
        rare = sorted((self._rarity(w) for w in set(words(text)) - said), reverse=True)[:3]
        return sum(rare) / 3

    def _rarity(self, word: str) -> float:
        return 1.0 - math.log(1 + self._said_in[word]) / math.log(1 + self._replies)

    @property
    def replies(self) -> list[str]:
        """The texts of the replies, in the order that `nearest_replies` expects."""
        return [e.text for e in self._shelves["reply"].entries]

    @property
    def negative(self) -> Vectors:
        """P(negative) of what each reply answered, shape (replies,)."""
        return np.array([e.negative for e in self._shelves["reply"].entries], dtype=np.float32)

    def nearest_replies(self, query: Vectors, match: Vectors, count: int) -> Nearest:
        """The best replies for a query (QUERY_WIDTH,).

        The order is by cosine of the conversations plus `match`, one number for each reply (how well
        it answers, shape (replies,)); the score of what is found is the cosine.
        """
        shelf = self._shelves["reply"]
        if not shelf.entries:
            return Nearest([], shelf.texts, np.zeros(0, dtype=np.float32))
        cosine = shelf.keys @ query
        order = cosine + match
        rows = _first(order, LIKELY)
        return Nearest(
            shelf.best(order, cosine, count),
            shelf.texts[rows],
            order[rows],
        )

    def nearest_passages(self, newest: Vectors, count: int) -> list[Evidence]:
        """The passages nearest to a sentence vector (384,)."""
        shelf = self._shelves["article"]
        if not shelf.entries:
            return []
        cosine = shelf.keys @ newest
        return shelf.best(cosine, cosine, count)


@dataclass(frozen=True, slots=True)
class Nearest:
    """What retrieval finds: the best replies with distinct texts, and what is likely to be said.

    `vectors` (k, 384) are the sentence vectors of the first LIKELY replies, repeats and all, and
    `order` (k,) the numbers that they were ordered by.
    """

    replies: list[Evidence]
    vectors: Vectors
    order: Vectors


def _first(order: Vectors, count: int) -> NDArray[np.intp]:
    """Rows of the highest values, highest first; what is NEVER to be found is left out."""
    wide = min(len(order), count)
    rows = np.argpartition(-order, wide - 1)[:wide]
    rows = rows[np.argsort(-order[rows], kind="stable")]
    return rows[order[rows] > NEVER / 2]


@dataclass(frozen=True, slots=True)
class _Shelf:
    """The entries of one kind, row by row."""

    entries: tuple[Entry, ...]
    keys: Vectors
    texts: Vectors

    @classmethod
    def of(cls, rows: Sequence[tuple[Entry, Vectors, Vectors]]) -> _Shelf:
        if not rows:
            empty = np.zeros((0, 384), dtype=np.float32)
            return cls((), empty, empty)
        entries, keys, texts = zip(*rows, strict=True)
        return cls(entries, np.stack(keys), np.stack(texts))

    def best(self, order: Vectors, score: Vectors, count: int) -> list[Evidence]:
        out: dict[str, Evidence] = {}
        for at in _first(order, 8 * count):
            entry = self.entries[at]
            found = Evidence(entry.kind, entry.id, entry.title, entry.text, float(score[at]))
            out.setdefault(entry.text, found)
        return list(out.values())[:count]
