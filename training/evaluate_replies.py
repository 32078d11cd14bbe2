"""How good suggested replies are on real conversations: for each agent turn, given the turns before it.

A shop's past conversations are what suggestions lean on, so a part of the file is remembered and the
rest asked about, whole conversations on either side. Beside the whole engine stand what retrieval alone
and the generator alone would have shown. Knows a version's folder and files; knows no command line.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nlp.memory import Knowledge, templates_of
from nlp.pipeline import Explained, Pipeline
from nlp.registry import Version
from nlp.types import KnowledgeItem, Turn
from training import files
from training.corpus import Dialogue
from training.files import BadFile, Conversation
from training.questions import TURNS, Question, asked_in
from training.replies import RANKS, Judge, closed, generated, hit_at_1, own_words, retrieved

Figures = dict[str, Any]
Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and how much there is."""

REMEMBERED = 0.8
"""Share of the file's conversations that are remembered where no other file is given for that."""
BATCH = 8
"""Questions drafted for at a time."""


def replies(
    path: Path,
    version: Version,
    *,
    memory: Sequence[Path],
    limit: int | None,
    seed: int,
    device: str,
    progress: Progress,
) -> Figures:
    """Figures of a conversations file.

    Remembered are the conversations of `memory`, or without it REMEMBERED of the file's own, drawn by
    the seed. `limit` is the most agent turns to ask about. Raises BadFile and NlpError subclasses.
    """
    asked, remembered = split(path, memory, seed)
    progress("reading what is remembered", 0, len(remembered))
    brain = Pipeline.load(version, Knowledge({}, (), list(items(remembered))), device=device)
    moments = [(one, at) for one in asked for at in answers(one)]
    if not moments:
        raise BadFile(f"{path.name}: no agent turn follows a customer's, so there is nothing to ask")
    if limit is not None and limit < len(moments):
        moments = sorted(random.Random(seed).sample(moments, limit), key=lambda m: (m[0].id, m[1]))
    questions = questions_of(moments, brain)
    began = time.monotonic()
    found = explained(brain, questions, progress)
    seconds = time.monotonic() - began
    return {
        "n": len(questions),
        "conversations": len({q.dialogue.id for q in questions}),
        "remembered": len(remembered),
        "items_per_second": len(questions) / max(seconds, 1e-9),
        **judged(brain, questions, found, seed),
    }


def split(path: Path, memory: Sequence[Path], seed: int) -> tuple[list[Conversation], list[Conversation]]:
    """Conversations to ask about, and those to remember."""
    found = list(files.rows(path, files.conversation_row))
    if memory:
        kept = [one for other in memory for one in files.rows(other, files.conversation_row)]
        known = set(kept)
        asked = [one for one in found if one not in known]
        if not asked:
            raise BadFile(f"{path.name}: all of it is in the memory too, so there is nothing to ask about")
        return asked, kept
    if len(found) < 2:
        raise BadFile(
            f"{path.name}: two conversations at least are needed, one to remember and one to ask about"
        )
    order = list(range(len(found)))
    random.Random(seed).shuffle(order)
    cut = min(len(found) - 1, max(1, round(REMEMBERED * len(found))))
    return [found[at] for at in sorted(order[cut:])], [found[at] for at in sorted(order[:cut])]


def answers(one: Conversation) -> list[int]:
    """The agent turns that follow a customer's."""
    return [
        at
        for at, turn in enumerate(one.turns)
        if at and turn.role == "agent" and one.turns[at - 1].role == "customer" and turn.text.strip()
    ]


def items(conversations: Iterable[Conversation]) -> Iterable[KnowledgeItem]:
    """Every answer as something to remember."""
    for one in conversations:
        for at in answers(one):
            before = one.turns[max(0, at - TURNS) : at]
            yield KnowledgeItem("reply", f"{one.id}/{at}", "", one.turns[at].text, before)


def questions_of(moments: Sequence[tuple[Conversation, int]], brain: Pipeline) -> list[Question]:
    """The moments as questions, their true replies delexicalised as remembered ones are."""
    out: list[Question] = []
    wanted: dict[str, set[int]] = {}
    by_id: dict[str, Conversation] = {}
    for one, at in moments:
        wanted.setdefault(one.id, set()).add(at)
        by_id[one.id] = one
    for name, ats in wanted.items():
        turns: list[Turn] = list(by_id[name].turns)
        pairs = tuple(templates_of(turns, brain.reader, {}))
        dialogue = Dialogue(name, name, pairs)
        out += [q for q in asked_in(dialogue, turns, brain.reader, {}) if q.at in ats]
    return out


def explained(
    brain: Pipeline, questions: Sequence[Question], progress: Progress = lambda *_: None
) -> list[Explained]:
    """What the brain makes of all questions, in batches."""
    out: list[Explained] = []
    for start in range(0, len(questions), BATCH):
        out += brain.explained([q.request for q in questions[start : start + BATCH]])
        progress("drafting", len(out), len(questions))
    return out


def judged(brain: Pipeline, questions: Sequence[Question], found: Sequence[Explained], seed: int) -> Figures:
    """Figures of the whole engine and of its two parts, with what a report draws under "plots"."""
    judge = Judge(questions, brain.reader.encoder.embed)
    shown = [[draft.template for draft in one.drafts] for one in found]
    parts = {
        "retrieval_only": [retrieved(one.pool) for one in found],
        "generation_only": [generated(one.pool) for one in found],
    }
    asked, given = np.stack([o.place for o in found]), brain.matcher.replies([q.truth for q in questions])
    figures: Figures = {
        f"hit_at_1_of_{among}": hit_at_1(judge.truths, asked, given, among=among, seed=seed)
        for among in (10, 100)
    }
    figures["suggestions"] = judge.figures(shown)
    figures |= {name: judge.figures(group) for name, group in parts.items()}
    figures["agents"] = own_words([q.truth for q in questions])
    figures["closed"] = closed(figures)
    figures["interval"] = judge.intervals(shown, seed)
    best = {"suggestions": shown, **parts}
    figures["plots"] = {
        "similarity": {name: judge.best(group, RANKS[-1]).tolist() for name, group in best.items()}
    }
    return figures
