"""How a reply is said: its length, its tone, and an apology first where the customer is angry.

Length and tone only weigh which candidates are shown; what a candidate says is never rewritten, but
for an apology before it. Knows templates; knows no model and no conversation.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, get_args

Length = Literal["short", "usual", "long"]
Tone = Literal["formal", "usual", "friendly"]
LENGTHS: tuple[Length, ...] = get_args(Length)
TONES: tuple[Tone, ...] = get_args(Tone)

WORDS = 18
"""Where a reply stops being short: agents' replies in the public chat sets have 14 to 18 words."""
APOLOGY = "I'm sorry about this."
ANGRY = 0.9
"""P(negative) from which a reply begins with an apology. At 0.6 plain questions got one, too."""

_SORRY = re.compile(r"\b(sorry|apolog\w+|regret)\b", re.IGNORECASE)
_GREETING = re.compile(
    r"^(?:hi|hello|hey|dear|good (?:morning|afternoon|evening))\b(?:<\|[^|]*\|>|[^.!?,<])*[.!,]\s*", re.I
)
_CHEERFUL = re.compile(
    r"^(?:thank|thanks|great|good|glad|wonderful|excellent|lovely|perfect|you're welcome"
    r"|no (?:problem|trouble|harm)|that's (?:fair|very|no )|it happens)\b",
    re.I,
)
"""Openings that an apology would clash with."""
_FRIENDLY = re.compile(r"!|\b(?:hi|hey|thanks|great|happy|lovely|glad|no worries|sure|wonderful)\b", re.I)
_SHORTENED = re.compile(r"\b\w+['’](?:s|m|re|ve|ll|d|t)\b", re.I)


@dataclass(frozen=True, slots=True)
class Manner:
    """What a shop prefers."""

    length: Length = "usual"
    tone: Tone = "usual"
    apologise: bool = True

    def weight(self, template: str) -> float:
        """How much a candidate counts by its manner, in 0..1; always 1 where all is usual."""
        return self._of_length(len(template.split())) * self._of_tone(template)

    def _of_length(self, words: int) -> float:
        if self.length == "short":
            return min(1.0, WORDS / max(1, words))
        return min(1.0, max(1, words) / WORDS) if self.length == "long" else 1.0

    def _of_tone(self, template: str) -> float:
        if self.tone == "usual":
            return 1.0
        warm = len(_FRIENDLY.findall(template)) + len(_SHORTENED.findall(template))
        share = min(1.0, 12 * warm / max(6, len(template.split())))
        return 0.5 + 0.5 * (share if self.tone == "friendly" else 1.0 - share)

    def said(self, template: str, negative: float, before: str) -> str:
        """The template, behind an apology where the customer is angry and has none yet.

        `before` is what the agent has said so far: nobody wants the same apology twice.
        """
        due = self.apologise and negative >= ANGRY and not _SORRY.search(before)
        due = due and not _CHEERFUL.match(template)
        return apologetic(template) if due else template


def apologetic(template: str) -> str:
    """A template with an apology first, behind its greeting; one that has an apology stays as it is."""
    if _SORRY.search(template):
        return template
    greeting = _GREETING.match(template)
    at = greeting.end() if greeting else 0
    start = template[:at].rstrip()
    return f"{start} {APOLOGY} {template[at:]}".strip()
