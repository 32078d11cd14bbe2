"""What a retrieval query says: the recent turns as one short text for the encoder.

Training and serving must ask in the same words, so both take them from here. Knows no encoder
and no index.
"""

from __future__ import annotations

from collections.abc import Sequence

from nlp import slots
from nlp.types import Role

QUERY_TURNS = 4
TURN_WORDS = 48


def query_text(turns: Sequence[tuple[Role, str]]) -> str:
    """The last turns (templates), newest first, slots as plain words, long turns cut at both ends."""
    recent = list(turns)[-QUERY_TURNS:]
    return " / ".join(_short(slots.spoken(text)) for _, text in reversed(recent))


def _short(text: str) -> str:
    words = text.split()
    if len(words) <= TURN_WORDS:
        return " ".join(words)
    half = TURN_WORDS // 2
    return " ".join([*words[:half], "...", *words[-half:]])
