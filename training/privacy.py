"""Who is recited in what a reply model wrote, and which conversations are left to test that with.

Knows texts and conversation ids only; what a span is says nlp.recitation.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from nlp.recitation import spans


@dataclass(frozen=True, slots=True)
class Recited:
    """A generated span and the one conversation that holds it."""

    span: str
    conversation: str


def left_for_test(conversation: str) -> bool:
    """Is this (origin of a) conversation one of the fourth whose prompts only the release test uses?"""
    return zlib.crc32(conversation.encode()) % 4 == 0


def recited(generated: Iterable[str], owned: Mapping[str, str | None]) -> list[Recited]:
    """Spans of generated texts that stand in exactly one training conversation."""
    out: dict[str, Recited] = {}
    for text in generated:
        for span in spans(text):
            owner = owned.get(span)
            if owner is not None:
                out[span] = Recited(span, owner)
    return list(out.values())
