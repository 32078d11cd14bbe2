"""What a round learns from and is judged by: conversations collected once each, delexicalised, and split.

They are cleaned first. The newest are set aside where their times are known, else some drawn by the seed: a
version is judged by what comes after what it learned; paraphrases stay on one side. What a machine wrote and
an agent merely accepted teaches little (an echo) and judges nothing. Made-up conversations that hold secrets
are learned from among them, for the test of what leaks. Knows files, the reader and splits; knows no model
that is trained.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from nlp.context import query_vectors
from nlp.matcher import Matcher
from nlp.prompts import PromptCodec
from nlp.reading import Reader
from training import evaluate_replies as asking
from training import files
from training.canaries import Planted, plant
from training.cleaning import Cleaned, clean
from training.dataset import NEIGHBOURS, Memory, Moment, examples
from training.files import BadFile, Conversation
from training.finetune import Example
from training.ledger import Drafts, drafts_of
from training.matcher import Lesson
from training.progress import Progress
from training.questions import TURNS, Question

ASIDE, MOST_ASIDE = 0.12, 300
"""Share of the conversations that fit the score and judge, and the most of their agent turns that do."""
FEWEST_CONVERSATIONS = 20
ECHO = 0.25
"""Share of accepted machine-written replies that are learned from: else a model teaches itself its habits."""


@dataclass(frozen=True, slots=True)
class Taught:
    """The conversations of a round: all of them, those to learn from, and questions of both parts."""

    everything: list[Conversation]
    learned: list[Conversation]
    lessons: list[Question]
    aside: list[Question]
    echoes: int
    """Replies of the log that a machine wrote and an agent accepted as they were."""
    sources: list[str]
    """What the files call their conversations."""
    seen: list[str]
    """Names of all that was read, left-out copies too: none of it may be asked about later."""
    cleaned: Cleaned
    planted: Planted
    unread: int
    """Older conversations that there was no time to read."""
    drafts: Drafts
    """What agents did with drafts, of both parts."""
    reviewed: list[Question]
    """Questions set aside whose agent had drafts before them; also those that they sent as they were."""

    @property
    def own_lessons(self) -> int:
        """How many lessons are of real conversations."""
        planted = {one.id for one in self.planted.conversations}
        return sum(one.dialogue.id not in planted for one in self.lessons)


def collect(
    paths: Sequence[Path],
    reader: Reader,
    seed: int,
    progress: Progress,
    readable: Callable[[Sequence[str]], int] = len,
) -> Taught:
    """Read the files, each conversation once, clean them, and set some of them aside; raises BadFile.

    `readable` says how many of the customers' messages there is time for: the newest conversations are read.
    """
    given = [one for path in paths for one in files.rows(path, files.conversation_row)]
    every = unique(given)
    progress("cleaning the conversations", 0, 1)
    cleaned = clean(every, reader.encoder.embed, authors={one.id: one.authors for one in every})
    found = list(cleaned.kept)
    if len(found) < FEWEST_CONVERSATIONS:
        raise BadFile(
            f"{', '.join(path.name for path in paths)}: {len(found)} conversations with an agent's "
            f"answer; {FEWEST_CONVERSATIONS} at least are needed to learn from"
            + (f" (left out: {_reasons(cleaned)})" if cleaned.dropped else "")
        )
    found, unread = window(found, readable)
    planted = plant(found, seed)
    aside = set_aside(found, cleaned, seed)
    told = partial(progress, "reading what customers said")
    questions = asking.all_questions([*found, *planted.conversations], reader, told)
    echoed, alone = (
        {(one.id, at) for one in found for at in one.written(origin)} for origin in ("accepted", "automatic")
    )
    drafts = drafts_of(found, reader)
    reviewed = [q for q in questions if q.dialogue.id in aside and (q.dialogue.id, q.at) in drafts]
    random.Random(seed).shuffle(reviewed)
    # What went out alone was approved by nobody: it is context, and never a lesson.
    questions = [q for q in questions if (q.dialogue.id, q.at) not in alone]
    rng = random.Random(seed)
    dev = [q for q in questions if q.dialogue.id in aside and (q.dialogue.id, q.at) not in echoed]
    rng.shuffle(dev)
    return Taught(
        found,
        [one for one in found if one.id not in aside],
        [
            q
            for q in questions
            if q.dialogue.id not in aside and ((q.dialogue.id, q.at) not in echoed or rng.random() < ECHO)
        ],
        dev[:MOST_ASIDE],
        len(echoed),
        sorted({one.id for one in given}),
        sorted(one.id for one in every),
        cleaned,
        planted,
        unread,
        drafts,
        reviewed[:MOST_ASIDE],
    )


def window(
    found: Sequence[Conversation], readable: Callable[[Sequence[str]], int]
) -> tuple[list[Conversation], int]:
    """The newest conversations that there is time to read, in their order, and how many are older.

    The last of the files are the newest where not all have a time.
    """
    texts = [[turn.text for turn in one.turns if turn.role == "customer"] for one in found]
    left = readable([text for group in texts for text in group])
    ages = list(range(len(found)))
    if all(one.ended for one in found):
        ages = sorted(ages, key=lambda at: (found[at].ended, found[at].id))
    kept: set[int] = set()
    for at in reversed(ages):
        left -= len(texts[at])
        if left < 0 and len(kept) >= FEWEST_CONVERSATIONS:
            break
        kept.add(at)
    return [one for at, one in enumerate(found) if at in kept], len(found) - len(kept)


def _reasons(cleaned: Cleaned) -> str:
    return ", ".join(f"{count} {reason}" for reason, count in cleaned.dropped.items())


def unique(conversations: Iterable[Conversation]) -> list[Conversation]:
    """Those with an agent's answer, each once, named by what was said."""
    found: dict[str, Conversation] = {}
    for one in conversations:
        if asking.answers(one):
            name = asking.digest(one)
            found.setdefault(name, replace(one, id=name))
    return list(found.values())


def set_aside(found: Sequence[Conversation], cleaned: Cleaned, seed: int) -> frozenset[str]:
    """Ids of the newest where all have a time, else of some drawn by the seed; paraphrases stay together."""
    if not all(one.ended for one in found):
        return cleaned.aside(ASIDE, seed)
    count = max(2, round(ASIDE * len(found)))
    newest = sorted(found, key=lambda one: (one.ended, one.id))
    learned = {cleaned.clusters[one.id] for one in newest[:-count]}
    return frozenset(one.id for one in newest[-count:] if cleaned.clusters[one.id] not in learned)


def moment(question: Question) -> Moment:
    """A question as what the reply model learns from, with its reading."""
    turns = question.dialogue.turns[max(0, question.at - TURNS) : question.at]
    mood = question.request.analysis.sentiment.label
    return Moment(replace(question.dialogue, mood=mood), turns, question.truth)


def match_lessons(questions: Sequence[Question]) -> list[Lesson]:
    """Every true reply behind its conversation."""
    return [Lesson(q.dialogue.turns[max(0, q.at - TURNS) : q.at], q.truth, q.dialogue.id) for q in questions]


@dataclass(frozen=True, slots=True)
class Shown:
    """Moments to tune the reply model on, each with the replies that retrieval would show it."""

    moments: list[Moment]
    near: list[list[str]]

    @classmethod
    def of(cls, questions: Sequence[Question], reader: Reader, matcher: Matcher) -> Shown:
        """What would be found for each question, never a reply of the same conversation."""
        asked = [moment(q) for q in questions]
        queries = query_vectors([m.turns for m in asked], reader.encoder.embed)
        places = matcher.conversations([m.turns for m in asked])
        answers = matcher.remembered([m.reply for m in asked])
        memory = Memory(asked, np.concatenate([queries, answers], axis=1))
        near = memory.neighbours(asked, np.concatenate([queries, places], axis=1), NEIGHBOURS)
        return cls(asked, near)

    def examples(self, codec: PromptCodec, seed: int, augment: bool = True) -> list[Example]:
        """As what the reply model is tuned on; without `augment` as it is asked."""
        nothing = [""] * len(self.moments)
        return examples(self.moments, self.near, nothing, codec, seed=seed, augment=augment)
