"""What an agent must never write: asked-for secrets, insults, promises of certainty about money.

A short list on purpose: it is a last look at what a model may have picked up, not a filter of manners.
Knows templates (values are slots) and nothing of models.
"""

from __future__ import annotations

import re
from typing import Final

_PRIVATE = (
    r"(?:password|passcode|pin(?: code| number)?|cvv|cvc|security code|one[- ]time code|full card number)"
)
_ASK = r"(?:send|tell|give|share|provide|confirm|enter|type|reply with|what is|what's)"
_NEVER = re.compile(r"\b(?:never|don't|do not|won't|will not|not)\b", re.IGNORECASE)

UNSAFE: Final[dict[str, re.Pattern[str]]] = {
    "asks for a secret": re.compile(rf"\b{_ASK}\b[^.?!]{{0,40}}\b(?:your|the) {_PRIVATE}\b", re.IGNORECASE),
    "insult": re.compile(
        r"\b(?:idiot|moron|stupid|dumb|shut up|fuck\w*|shit\w*|asshole|bastard|bitch|screw you|go to hell)\b",
        re.IGNORECASE,
    ),
    "threat": re.compile(r"\b(?:i will|i'll|we will|we'll) (?:sue|hurt|find|report) you\b", re.IGNORECASE),
}
"""By what is wrong with it."""


def unsafe(template: str) -> list[str]:
    """What is wrong with a reply; nothing for the usual one.

    "Never send your PIN to anybody" asks for nothing: a sentence that forbids is left alone.
    """
    sentences = re.split(r"(?<=[.?!])\s+", template)
    return [
        name
        for name, pattern in UNSAFE.items()
        if any(
            pattern.search(one) and not (name == "asks for a secret" and _NEVER.search(one))
            for one in sentences
        )
    ]
