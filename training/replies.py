"""Judge suggestions on conversations with known answers: for each agent turn, given the turns before it.

Conversations are filled with made-up values and go through the same doors as a customer's: read,
retrieved for, drafted, ranked. Knows a Pipeline and dialogues; knows no training.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nlp import slots
from nlp.pipeline import Pipeline
from nlp.ranking import Candidate
from nlp.reading import Reader
from nlp.types import Draft, KnowledgeItem, ReplyRequest, Turn
from nlp.values import conversation_values
from training.corpus import Dialogue
from training.values import Filler
from training.verdicts import Verdict

Vectors = NDArray[np.float32]
BATCH = 8
GOOD_COSINE = 0.55
"""A suggestion counts as near when its sentence vector is this near to the true reply's."""
TURNS = 12
"""Turns before a reply that are remembered with it, as storage hands them out."""
SAME = 0.999
"""Cosine from which two replies are the same one."""
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
    """One question for each agent turn that follows a customer's."""
    out = []
    for dialogue in dialogues:
        turns = filled(dialogue, filler)
        readings = reader.read([t.text for t in turns])
        for at, turn in enumerate(turns):
            if turn.role != "agent" or not at or turns[at - 1].role != "customer":
                continue
            said = [
                (t.text, r.entities)
                for t, r in zip(turns[:at], readings[:at], strict=True)
                if t.role == "customer"
            ]
            request = ReplyRequest(turns[:at], readings[at - 1], facts, conversation_values(said), count)
            out.append(Question(dialogue, at, request))
    return out


def suggest_all(brain: Pipeline, asked: Sequence[Question]) -> list[list[Draft]]:
    """Suggestions for all questions, in batches."""
    out: list[list[Draft]] = []
    for start in range(0, len(asked), BATCH):
        out += brain.suggest([q.request for q in asked[start : start + BATCH]])
    return out


def figures(
    asked: Sequence[Question], shown: Sequence[Sequence[str]], embed: Callable[[Sequence[str]], Vectors]
) -> dict[str, float]:
    """Quality of suggested templates against the true replies.

    `similarity_at_k`: mean cosine of plain sentence vectors of the true reply and the best of the
    first k suggestions (0 where there is none). `good_at_k`: share with a cosine of GOOD_COSINE or more.
    """
    truths = embed([slots.spoken(q.truth) for q in asked])
    best: dict[int, list[float]] = {1: [], 3: []}
    repeated = total = 0
    grams: set[tuple[str, ...]] = set()
    for truth, templates in zip(truths, shown, strict=True):
        cosines = (embed([slots.spoken(t) for t in templates]) @ truth).tolist() if templates else []
        for k, values in best.items():
            values.append(max(cosines[:k], default=0.0))
        for template in templates:
            words = tuple(template.lower().split())
            runs = [words[i : i + 4] for i in range(len(words) - 3)]
            repeated += len(runs) - len(set(runs))
            total += len(runs)
            grams |= {words[i : i + 2] for i in range(len(words) - 1)}
    out: dict[str, float] = {
        "n": len(asked),
        "silent": round(sum(not s for s in shown) / max(1, len(shown)), 4),
    }
    for k, values in best.items():
        out[f"similarity_at_{k}"] = round(float(np.mean(values)), 4)
        out[f"good_at_{k}"] = round(float(np.mean([v >= GOOD_COSINE for v in values])), 4)
    out["repeated_4gram_rate"] = round(repeated / max(1, total), 4)
    return out


def sendable(
    asked: Sequence[Question], shown: Sequence[Sequence[str]], verdicts: Iterable[Verdict]
) -> dict[str, float]:
    """What people said of the suggested templates: would an agent send them as they are?

    `at_k`: share of questions with such a suggestion among the first k; one that nobody has judged
    counts as not. `judged`: share of the suggestions that somebody has judged.
    """
    said = {(v.moment, v.reply): v.send for v in verdicts}
    found = [[said.get((q.id, text)) for text in group] for q, group in zip(asked, shown, strict=True)]
    flat = [one for group in found for one in group[:3]]
    return {
        "n": len(asked),
        "judged": round(sum(one is not None for one in flat) / max(1, len(flat)), 4),
        "at_1": round(sum(any(group[:1]) for group in found) / max(1, len(found)), 4),
        "at_3": round(sum(any(group[:3]) for group in found) / max(1, len(found)), 4),
    }


def candidates_of(brain: Pipeline, asked: Sequence[Question]) -> list[tuple[Vectors, list[Candidate]]]:
    """The matcher's vectors of the conversations and their unranked candidates, in batches."""
    out: list[tuple[Vectors, list[Candidate]]] = []
    for start in range(0, len(asked), BATCH):
        out += brain.candidates([q.request for q in asked[start : start + BATCH]])
    return out


def baselines(
    asked: Sequence[Question],
    pools: Sequence[Sequence[Candidate]],
    embed: Callable[[Sequence[str]], Vectors],
) -> dict[str, dict[str, float]]:
    """The same figures for what was retrieved, by cosine, and for what was generated, greedy first."""
    found: list[list[str]] = []
    drafted: list[list[str]] = []
    for pool in pools:
        replies = sorted((c for c in pool if c.source == "reply"), key=lambda c: -c.retrieval)
        found.append([c.template for c in replies[:3]])
        drafted.append([c.template for c in pool if c.source == "generated"][:3])
    return {
        "retrieval_only": figures(asked, found, embed),
        "generation_only": figures(asked, drafted, embed),
    }


def hit_at_1(truths: Vectors, asked: Vectors, given: Vectors, *, among: int, seed: int) -> float:
    """How often the true reply beats `among` - 1 random other true replies, by the matcher alone.

    Row by row, `asked` and `given` are the matcher's vectors of conversations and of their true
    replies; `truths` are plain sentence vectors, by which equal replies are known.
    """
    rng = random.Random(seed)
    hits = 0
    for row in range(len(asked)):
        different = [i for i in range(len(asked)) if float(truths[i] @ truths[row]) < SAME]
        others = rng.sample(different, min(among - 1, len(different)))
        scores = given[[row, *others]] @ asked[row]
        hits += int(scores[0] >= scores[1:].max())
    return hits / max(1, len(asked))
