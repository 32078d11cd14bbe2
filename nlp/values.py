"""Which values of a conversation a reply may use: the latest mention by the customer wins.

Training and serving must agree on this, so both take it from here. Knows entities, slots and requests.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from nlp.slots import slot_of
from nlp.types import Analysis, Entity, ReplyRequest, Turn

NEVER_REPEATED = frozenset({"card", "iban"})
"""Values that a reply never repeats, whatever the template says."""

_INTRODUCES = re.compile(
    r"(?:\bname\s*(?:is|'s|:|-)?|\bI\s*am|\bI'?m|\bthis is|\bit'?s|\bhere is|\bcalled)\s*\Z", re.IGNORECASE
)
_BEFORE_SIGNATURE = re.compile(
    r"(?:\A|\n|\b(?:thanks|thank you|cheers|regards|best|yours)\b)\W*\Z", re.IGNORECASE
)


def conversation_values(messages: Iterable[tuple[str, Sequence[Entity]]]) -> dict[str, str]:
    """Values by slot from the customer's messages, (text, entities) each, oldest first."""
    values: dict[str, str] = {}
    for text, entities in messages:
        for entity in sorted(entities, key=lambda e: e.start):
            slot = slot_of(entity.type)
            if slot is None or entity.type in NEVER_REPEATED:
                continue
            if slot != "customer_name" or is_own_name(text, entity.start, entity.end):
                # A phone number goes back as it was typed: its country was only guessed.
                values[slot] = entity.text if entity.type == "phone" else entity.value
    return values


def request_at(
    turns: Sequence[Turn], readings: Mapping[str, Analysis], facts: Mapping[str, str], count: int = 3
) -> ReplyRequest:
    """The request of a moment of a conversation that is over; `readings` has every customer's text."""
    said = [turn.text for turn in turns if turn.role == "customer"]
    values = conversation_values([(text, readings[text].entities) for text in said])
    *earlier, newest = [readings[text] for text in said]
    return ReplyRequest(turns, newest, facts, values, count, [one.intent for one in earlier])


def is_own_name(text: str, start: int, end: int) -> bool:
    """Whether a name is the writer's: introduced, or signed with. "Maria promised" makes nobody Maria."""
    before, after = text[:start], text[end:]
    signed = not re.search(r"\w", after) and _BEFORE_SIGNATURE.search(before) is not None
    return signed or _INTRODUCES.search(before) is not None
