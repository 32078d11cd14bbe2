"""The text of an article out of conversations: a question that many ask, and what agents say again and again.

Extractive: no word is made up. A sentence is taken only where agents have said it in at least `OFTEN`
conversations with at least `PEOPLE` customers, and of its wordings only one of which every word was said that
often in that sentence; a title only where every word of it was said by that many customers. So nobody's
secret becomes an article, whatever readers overlook. Sentences with names, numbers or other values are left
out, but for the shop's own facts. Pure: it blocks, and knows no model, no database and no shop.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rapidfuzz.fuzz import token_sort_ratio

OFTEN, PEOPLE = 3, 2
"""Conversations, and customers, in which a sentence must have been said."""
SAME = 80
"""Two sentences that are this much alike, of 100, say the same."""
SPECIFIC = 2.0
"""A sentence belongs to a topic when agents say it so many times as often there as elsewhere."""
_FEWEST_WORDS = 4
_LONGEST_TITLE = 120
_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_VALUE = re.compile(r"\d|@|https?:|www\.|\*\*\*\*")


@dataclass(frozen=True, slots=True)
class Said:
    """What people of ours said in one conversation, with the spans of values in each text."""

    conversation: str
    customer: str
    replies: tuple[tuple[str, tuple[tuple[int, int], ...]], ...]


@dataclass(frozen=True, slots=True)
class Question:
    """How a conversation opened, with the spans of values in it."""

    customer: str
    text: str
    spans: tuple[tuple[int, int], ...]


@dataclass(slots=True)
class _Point:
    """A sentence in all its wordings: where each was said, and how far into the conversation, 0..1."""

    wordings: list[tuple[str, Said]]
    places: list[float]


def body(topic: Sequence[Said], others: Sequence[Said], public: Collection[str] = ()) -> str:
    """What agents say on a topic and not elsewhere, in the order in which they mostly say it; may be empty.

    `public` are values that may be shown, such as the shop's facts.
    """
    known = _public(public)
    elsewhere = [_sentences(said, known) for said in others]
    kept: list[tuple[float, str]] = []
    for point in _points(topic, known):
        wording = _safe(point)
        if wording is not None and _is_specific(wording, point, len(topic), elsewhere):
            kept.append((sum(point.places) / len(point.places), wording))
    return "\n".join(text for _, text in sorted(kept))


def title(questions: Sequence[Question], every: Sequence[Question]) -> str | None:
    """The first question, the most central one before the others, that can be shown; None where none can.

    `every` are all questions there are: a word that only one customer has ever used may be a name.
    """
    askers: dict[str, set[str]] = defaultdict(set)
    for question in every:
        for word in _words(question.text):
            askers[word].add(question.customer)
    for question in questions:
        for sentence, spans in _split(question.text, question.spans):
            words = _words(sentence)
            if spans or _VALUE.search(sentence) or not len(words) >= 3 or len(sentence) > _LONGEST_TITLE:
                continue
            if all(len(askers[word]) >= PEOPLE for word in words):
                return sentence[0].upper() + sentence[1:]
    return None


def _points(topic: Sequence[Said], known: re.Pattern[str]) -> list[_Point]:
    points: list[_Point] = []
    for said in topic:
        sentences = _sentences(said, known)
        for at, sentence in enumerate(sentences):
            point = next((one for one in points if _alike(sentence, one.wordings[0][0])), None)
            if point is None:
                point = _Point([], [])
                points.append(point)
            point.wordings.append((sentence, said))
            point.places.append(at / max(1, len(sentences) - 1))
    return points


def _safe(point: _Point) -> str | None:
    """The wording that is used most, of those whose every word was said often enough; None: no such one."""
    said_in: dict[str, set[str]] = defaultdict(set)
    said_to: dict[str, set[str]] = defaultdict(set)
    for sentence, said in point.wordings:
        for word in _words(sentence):
            said_in[word].add(said.conversation)
            said_to[word].add(said.customer)
    for sentence, _ in Counter(text for text, _ in point.wordings).most_common():
        if all(len(said_in[w]) >= OFTEN and len(said_to[w]) >= PEOPLE for w in _words(sentence)):
            return sentence
    return None


def _is_specific(wording: str, point: _Point, count: int, elsewhere: Sequence[Sequence[str]]) -> bool:
    here = len({said.conversation for _, said in point.wordings}) / count
    if not elsewhere:
        return True
    there = sum(any(_alike(wording, one) for one in sentences) for sentences in elsewhere) / len(elsewhere)
    return here >= SPECIFIC * there


def _sentences(said: Said, known: re.Pattern[str]) -> list[str]:
    """Sentences that could be shown: no question, no greeting, no value but public ones."""
    found = []
    for text, values in said.replies:
        for sentence, spans in _split(text, values):
            if sentence.endswith("?") or len(_words(sentence)) < _FEWEST_WORDS:
                continue
            rest = known.sub(lambda match: " " * len(match[0]), sentence)
            if not _VALUE.search(rest) and not any(rest[start:end].strip() for start, end in spans):
                found.append(sentence)
    return list(dict.fromkeys(found))


def _split(text: str, spans: Iterable[tuple[int, int]]) -> list[tuple[str, list[tuple[int, int]]]]:
    """Sentences, each with its own part of the spans."""
    found, start = [], 0
    for cut in [*_SENTENCE.finditer(text), None]:
        end = len(text) if cut is None else cut.start()
        part = text[start:end]
        first = start + len(part) - len(part.lstrip())
        inside = [(max(a, first) - first, min(b, end) - first) for a, b in spans if a < end and b > first]
        if part.strip():
            found.append((part.strip(), inside))
        start = len(text) if cut is None else cut.end()
    return found


def _public(values: Iterable[str]) -> re.Pattern[str]:
    """Finds whole values that may be shown; nothing where there are none."""
    longest = sorted((value for value in values if len(value) > 1), key=len, reverse=True)
    either = "|".join(map(re.escape, longest))
    return re.compile(rf"(?<!\w)(?:{either})(?!\w)" if either else r"(?!)", re.IGNORECASE)


def _words(text: str) -> list[str]:
    return _WORD.findall(text.casefold())


def _alike(one: str, other: str) -> bool:
    return token_sort_ratio(one.casefold(), other.casefold(), score_cutoff=SAME) > 0


def drafted(
    groups: Sequence[Mapping[str, Any]], every: Sequence[Question], public: Collection[str]
) -> list[tuple[str, str] | None]:
    """Title and body for each group of `questions`, `said` on it and by `others`; None where there is none.

    The one function that a process of its own is asked for.
    """
    made: list[tuple[str, str] | None] = []
    for group in groups:
        text = body(group["said"], group["others"], public)
        heading = title(group["questions"], every) or group["fallback"]
        made.append((heading, text) if text else None)
    return made
