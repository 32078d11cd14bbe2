"""How good suggested replies are on real conversations: for each agent turn, given the turns before it.

A shop's past conversations are what suggestions lean on. A version that was trained on conversations
remembers those, and is asked about all others; else a part of the file is remembered and the rest asked
about, whole conversations on either side. Beside the whole engine stand what plain retrieval, matched
retrieval and the generator would have shown alone. Knows a version's folder and files; knows no command line.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Container, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nlp import forgetting
from nlp.forgetting import trained_on
from nlp.memory import Knowledge, templates_of
from nlp.pipeline import Pipeline
from nlp.pool import USUAL, Explained
from nlp.ranking import Ranker
from nlp.reading import Reader
from nlp.registry import Version
from nlp.types import KnowledgeItem
from training import files
from training.corpus import Dialogue
from training.files import BadFile, Conversation
from training.progress import Progress
from training.questions import TURNS, Question, asked_in
from training.replies import RANKS, Judge, closed, generated, hits_at_1, own_words, retrieved

Figures = dict[str, Any]

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

    Remembered are the conversations of `memory`, or what the version was trained on, or, where it brings
    none, REMEMBERED of the file's own, drawn by the seed. `limit` is the most agent turns to ask about.
    Raises BadFile and NlpError subclasses.
    """
    learned = trained_on(version)
    knowledge = None
    if learned and not memory:
        # Its names are digests and, of the log, ids: two for one conversation.
        asked, remembered = unseen(path, learned), int(str(version.facts.get("conversations", len(learned))))
    else:
        asked, kept = split(path, memory, seed)
        knowledge, remembered = Knowledge({}, (), list(items(kept))), len(kept)
    progress("reading what is remembered", 0, remembered)
    brain = Pipeline.load(version, knowledge, device=device)
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
        "remembered": remembered,
        "items_per_second": len(questions) / max(seconds, 1e-9),
        **judged(brain, questions, found, seed),
    }


def digest(one: Conversation) -> str:
    """A conversation's name by what was said in it."""
    return forgetting.digest(one.turns)


def unseen(path: Path, known: Container[str]) -> list[Conversation]:
    """Conversations of a file that a version was not trained on."""
    asked = [one for one in files.rows(path, files.conversation_row) if digest(one) not in known]
    if not asked:
        raise BadFile(
            f"{path.name}: the version was trained on all of it, so there is nothing to ask about; "
            "name a file that it has not seen"
        )
    return asked


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
    wanted = {(one.id, at) for one, at in moments}
    asked = list(dict.fromkeys(one for one, _ in moments))
    return [q for q in all_questions(asked, brain.reader) if (q.dialogue.id, q.at) in wanted]


def all_questions(
    conversations: Sequence[Conversation],
    reader: Reader,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[Question]:
    """One question for each agent turn that follows a customer's."""
    templates = templates_of([one.turns for one in conversations], reader, {})
    told = [
        (Dialogue(one.id, one.id, tuple(pairs)), one.turns)
        for one, pairs in zip(conversations, templates, strict=True)
    ]
    return asked_in(told, reader, {}, progress=progress)


def explained(
    brain: Pipeline, questions: Sequence[Question], progress: Progress = lambda *_: None
) -> list[Explained]:
    """What the brain makes of all questions, in batches."""
    out: list[Explained] = []
    for start in range(0, len(questions), BATCH):
        out += brain.explained([q.request for q in questions[start : start + BATCH]])
        progress("drafting", len(out), len(questions))
    return out


def judged(
    brain: Pipeline,
    questions: Sequence[Question],
    found: Sequence[Explained],
    seed: int,
    ranker: Ranker | None = None,
) -> Figures:
    """Figures of the whole engine and of its parts, with what a report draws under "plots".

    `ranker` stands in for the brain's own where that knows nothing yet.
    """
    judge = Judge(questions, brain.reader.encoder.embed)
    shown = [[draft.template for draft in one.drafts] for one in found]
    parts = {
        "retrieval_only": brain.plain([q.request for q in questions], RANKS[-1]),
        "matching_only": [retrieved(one.pool.candidates) for one in found],
        "generation_only": [generated(one.pool.candidates) for one in found],
    }
    asked, given = (
        np.stack([o.pool.place for o in found]),
        brain.matcher.replies([q.truth for q in questions]),
    )
    figures: Figures = {
        f"hit_at_1_of_{among}": float(hits_at_1(judge.truths, asked, given, among=among, seed=seed).mean())
        for among in (10, 100)
    }
    figures["suggestions"] = judge.figures(shown)
    bare = [one.pool.without("generated").ranked(ranker or brain.ranker, USUAL) for one in found]
    parts["without_generation"] = [[draft.template for draft in drafts] for drafts in bare]
    figures |= {name: judge.figures(group) for name, group in parts.items()}
    figures["agents"] = own_words([q.truth for q in questions])
    figures["closed"] = closed(figures)
    figures["interval"] = judge.intervals(shown, seed)
    drawn = {"suggestions": shown, **{name: parts[name] for name in ("retrieval_only", "generation_only")}}
    figures["plots"] = {
        "similarity": {name: judge.best(group, RANKS[-1]).tolist() for name, group in drawn.items()}
    }
    return figures
