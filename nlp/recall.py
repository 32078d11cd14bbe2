"""What a served brain remembers: an index, its replies in the matcher's space, and what is still to be read.

A shop's past replies take minutes to read the first time. A part of them serves meanwhile; the rest is read
slice by slice by whoever has time to, and taken in from time to time. Knows the builder of the index
and the matcher; knows no customer and no clock.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from nlp.device import give_back
from nlp.matcher import Answers, Matcher
from nlp.memory import IndexBuilder
from nlp.retrieval import NEVER, Index, Vectors

log = logging.getLogger(__name__)

MATCH_WEIGHT = 1.0
"""How much the match of conversation and reply counts beside the cosine of the two conversations."""
MOOD_WEIGHT = 0.5
"""Sentence vectors hardly see a "not": "it has arrived" and "it has not" differ most in their mood."""
TOPIC_WEIGHT = 0.1
"""How much it counts that the customer had asked for the same: "order TT-10482" alone says little."""
OPPOSITE_MOOD = 0.6
"""A reply to a message whose P(negative) differs by more than this is no candidate at all."""
SLICE = 4
"""Items that are read at once: customers wait for a slice, 0.1 to 0.5 s by the processor."""
TAKEN_IN = 4
"""The index is made anew, and the cache written, when a fourth of it has come: both copy all of it."""


class Recall:
    """The memory of one brain. One thread calls it."""

    def __init__(
        self,
        index: Index,
        matcher: Matcher,
        cache: Path | None = None,
        builder: IndexBuilder | None = None,
        *,
        write: bool = True,
    ) -> None:
        self._store = Answers(matcher, cache, write=write)
        self._builder = builder if builder and builder.unread else None
        self._take_in(index)

    @classmethod
    def of(cls, builder: IndexBuilder, matcher: Matcher, cache: Path | None, at_first: int | None) -> Recall:
        """A memory of which so many items are read now, all of them by default, and the rest by `read_on`."""
        builder.read(None if at_first is None else at_first - len(builder))
        builder.keep()
        return cls(builder.index(), matcher, cache, builder)

    @property
    def index(self) -> Index:
        """What can be found now."""
        return self._index

    @property
    def unread(self) -> int:
        """Items of the shop's knowledge that are still to be read."""
        return self._builder.unread if self._builder else 0

    def read_on(self) -> None:
        """Read a slice more; nothing where all has been read."""
        if self._builder is None:
            return
        fresh = self._builder.read(SLICE)
        self._store.learn([entry.text for entry in fresh if entry.kind == "reply"])
        self._waiting += SLICE
        if TAKEN_IN * self._waiting >= len(self._builder) or not self._builder.unread:
            self._builder.keep()
            self._take_in(self._builder.index())
            log.info("past replies and articles: %d read, %d to go", len(self._builder), self.unread)
        if not self._builder.unread:
            self._builder = None
            give_back()

    def match(self, place: Vectors, negative: float, asked_for: Iterable[str]) -> Vectors:
        """How well each remembered reply answers a conversation in this mood and about this, (replies,)."""
        match: Vectors = MATCH_WEIGHT * (self._answers @ place)
        match += np.float32(TOPIC_WEIGHT) * self._index.about(asked_for)
        gap = np.abs(self._index.negative - np.float32(negative))
        match -= MOOD_WEIGHT * gap
        match[gap > OPPOSITE_MOOD] = NEVER
        return match

    def places(self, templates: Sequence[str]) -> dict[str, Vectors]:
        """The remembered ones of these replies in the matcher's space, by template."""
        return {text: self._answers[self._row_of[text]] for text in templates if text in self._row_of}

    def _take_in(self, index: Index) -> None:
        replies = index.replies
        self._store.learn(replies)
        self._store.keep(replies)
        self._index, self._waiting = index, 0
        self._answers = self._store.vectors(replies)
        self._row_of = {text: row for row, text in enumerate(replies)}
