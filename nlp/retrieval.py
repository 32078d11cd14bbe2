"""Nearest past replies and help passages for a conversation: exact cosine search in memory.

Holds templates (delexicalised) and unit vectors. Knows no database and no
encoder: `nlp.memory` makes the entries.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nlp.types import Evidence, EvidenceKind

Vectors = NDArray[np.float32]

PASSAGE_WORDS = 34


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


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing to find: what it offers (a template), and for people its title."""

    kind: EvidenceKind
    id: str
    title: str
    text: str
    intent: str = ""


class Index:
    """An immutable set of entries with their vectors, shape (n, 384); swap a new one in to change it."""

    def __init__(self, found: Sequence[Entry], vectors: Vectors) -> None:
        if len(found) != len(vectors):
            raise ValueError("as many vectors as entries are needed")
        self._entries = tuple(found)
        self._vectors = vectors
        self._intents = {e.id: e.intent for e in found}
        self._rows: Mapping[EvidenceKind, NDArray[np.int64]] = {
            kind: np.array([i for i, e in enumerate(found) if e.kind == kind], dtype=np.int64)
            for kind in ("reply", "article")
        }

    def __len__(self) -> int:
        return len(self._entries)

    def intent_of(self, entry_id: str) -> str:
        """The intent that an entry was filed under, "" where none is known."""
        return self._intents.get(entry_id, "")

    def nearest(self, query: Vectors, kind: EvidenceKind, count: int) -> list[Evidence]:
        """The `count` nearest entries of a kind with distinct texts, nearest first; query shape (384,)."""
        rows = self._rows[kind]
        if not len(rows):
            return []
        scores = self._vectors[rows] @ query
        wide = min(len(rows), 8 * count)
        best = np.argpartition(-scores, wide - 1)[:wide]
        out: dict[str, Evidence] = {}
        for at in best[np.argsort(-scores[best], kind="stable")]:
            entry = self._entries[rows[at]]
            out.setdefault(
                entry.text, Evidence(entry.kind, entry.id, entry.title, entry.text, float(scores[at]))
            )
        return list(out.values())[:count]
