"""Questions with known answers: for each agent turn of a conversation, what came before it.

Written conversations are filled with made-up values, so that they go through the same doors as a
customer's. Knows dialogues and the reader; knows no engine.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from nlp import slots
from nlp.reading import Reader
from nlp.types import Analysis, KnowledgeItem, ReplyRequest, Turn
from nlp.values import request_at
from training.corpus import Dialogue
from training.values import Filler

AT_ONCE = 128
"""Texts that are read between two reports of progress."""
TURNS = 12
"""Turns before a reply that are remembered with it, as storage hands them out."""
_BREAK = "\x1e"


@dataclass(frozen=True, slots=True)
class Question:
    """A customer's message in its conversation, and what the agent wrote."""

    dialogue: Dialogue
    at: int
    """Which turn of the dialogue the answer is."""
    request: ReplyRequest

    @property
    def id(self) -> str:
        """The moment's name, such as "order_status-11/3"."""
        return f"{self.dialogue.id}/{self.at}"

    @property
    def truth(self) -> str:
        """The agent's reply as a template."""
        return self.dialogue.turns[self.at][1]


def filled(dialogue: Dialogue, filler: Filler) -> list[Turn]:
    """The turns of a dialogue with made-up values, the same value for the same slot throughout."""
    braces = _BREAK.join(re.sub(r"<\|slot:([a-z_]+)\|>", r"{\1}", text) for _, text in dialogue.turns)
    texts = filler.named(dialogue.id).fill(braces).text.split(_BREAK)
    return [Turn(role, text) for (role, _), text in zip(dialogue.turns, texts, strict=True)]


def past_replies(dialogues: Iterable[Dialogue], filler: Filler) -> list[KnowledgeItem]:
    """Every agent turn as something to remember."""
    items = []
    for dialogue in dialogues:
        turns = filled(dialogue, filler)
        for at, turn in enumerate(turns):
            if turn.role == "agent" and at:
                items.append(
                    KnowledgeItem(
                        "reply", f"{dialogue.id}/{at}", "", turn.text, tuple(turns[max(0, at - TURNS) : at])
                    )
                )
    return items


def help_items(articles: Iterable[tuple[str, str]], facts: Mapping[str, str]) -> list[KnowledgeItem]:
    """(title, body template) pairs as articles to remember, facts filled in."""
    return [
        KnowledgeItem("article", title, title, slots.relexicalise(body, {}, facts).text)
        for title, body in articles
    ]


def questions(
    dialogues: Iterable[Dialogue], reader: Reader, facts: Mapping[str, str], filler: Filler, count: int = 3
) -> list[Question]:
    """One question for each agent turn that follows a customer's, values made up."""
    told = [(dialogue, filled(dialogue, filler)) for dialogue in dialogues]
    return asked_in(told, reader, facts, count)


def asked_in(
    told: Sequence[tuple[Dialogue, Sequence[Turn]]],
    reader: Reader,
    facts: Mapping[str, str],
    count: int = 3,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[Question]:
    """The questions of dialogues, each with its turns as they were said; every text is read once."""
    texts = list(dict.fromkeys(t.text for _, turns in told for t in turns if t.role == "customer"))
    readings: dict[str, Analysis] = {}
    for start in range(0, len(texts), AT_ONCE):
        some = texts[start : start + AT_ONCE]
        readings |= zip(some, reader.read(some), strict=True)
        progress(len(readings), len(texts))
    return [
        question for dialogue, turns in told for question in _asked(dialogue, turns, readings, facts, count)
    ]


def _asked(
    dialogue: Dialogue,
    turns: Sequence[Turn],
    readings: Mapping[str, Analysis],
    facts: Mapping[str, str],
    count: int,
) -> Iterator[Question]:
    for at, turn in enumerate(turns):
        if turn.role != "agent" or not at or turns[at - 1].role != "customer":
            continue
        yield Question(dialogue, at, request_at(turns[:at], readings, facts, count))
