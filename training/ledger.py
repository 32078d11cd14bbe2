"""What agents did with drafts, as templates: which reply they preferred to which, and what each was worth.

Drafts become templates as replies do, in the light of what the customer had said, so that a value that was
corrected is no difference. Knows conversations with their drafts, and the reader; knows no model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from rapidfuzz.distance import Levenshtein

from nlp.memory import templates_of
from nlp.reading import Reader
from nlp.types import Turn
from training.files import Conversation, Drafted
from training.questions import Question

LITTLE = 0.1
"""Share of a draft's characters that may be changed while it counts as right, as of automatic replies."""
AT_ONCE = 64
"""Conversations whose drafts are read together."""

Place = tuple[str, int]
"""A conversation's id, and which of its turns."""
Drafts = Mapping[Place, Sequence[Drafted]]


def drafts_of(conversations: Sequence[Conversation], reader: Reader) -> dict[Place, tuple[Drafted, ...]]:
    """The drafts that lay before an agent at each turn, as templates; turns without any are left out."""
    told = [one for one in conversations if any(one.drafts)]
    found: dict[Place, tuple[Drafted, ...]] = {}
    for start in range(0, len(told), AT_ONCE):
        places, spoken = [], []
        for one in told[start : start + AT_ONCE]:
            for at, drafts in enumerate(one.drafts):
                before = [turn for turn in one.turns[:at] if turn.role == "customer"]
                places += [(one.id, at, draft) for draft in drafts]
                spoken += [[*before, Turn("agent", draft.text)] for draft in drafts]
        templates = templates_of(spoken, reader, {})
        for (name, at, draft), turns in zip(places, templates, strict=True):
            found[name, at] = (*found.get((name, at), ()), replace(draft, text=turns[-1][1]))
    return found


def changed(draft: str, sent: str) -> float:
    """How much of a draft an agent changed, 0..1."""
    return Levenshtein.normalized_distance(draft.strip(), sent.strip())


def refused(sent: str, drafts: Sequence[Drafted]) -> str | None:
    """The draft that an agent's reply is preferred to: the one that they made it of by more than a little, or
    the first one that they rejected before they wrote their own. None where they sent one as it was, or
    passed all of them over without a word.
    """
    by_outcome = {one.outcome: one.text for one in reversed(drafts)}
    if "accepted" in by_outcome:
        return None
    draft = by_outcome.get("edited", by_outcome.get("rejected"))
    return None if draft is None or changed(draft, sent) <= LITTLE else draft


def preferences(questions: Sequence[Question], drafts: Drafts) -> list[tuple[int, str]]:
    """Questions, by their number, whose true reply was preferred to a draft, with that draft."""
    found = ((at, refused(q.truth, drafts.get((q.dialogue.id, q.at), ()))) for at, q in enumerate(questions))
    return [(at, draft) for at, draft in found if draft is not None]
