"""Passwords and short PINs in running text, told by the words around them, and masked.

There is no slot for them, since no reply may ever be filled with one: what is remembered or trained on
holds MASK in their place. Knows no model and no conversation.
"""

from __future__ import annotations

import re

MASK = "****"
_NAMED = (
    r"(?:pass(?:word|code|phrase|key)|pwd|pin(?:\s(?:code|number))?"
    r"|(?:security|secret)\s(?:word|answer|code))"
)
_WHOSE = r"(?:\s(?:on|for|of|to)\s(?:file|record|(?:my|your|the|this|that)(?:\s\w+){1,2}))?"
_IS = r"\s*(?:(?::|=|\bis\b|\bwas\b|\bto\b|\bnow\b|\bstill\b)\s*){1,3}"
_VALUE = r"[\"'‘“]?([^\s\"'‘’“”]{3,64})"
_GIVEN = re.compile(rf"\b{_NAMED}{_WHOSE}{_IS}{_VALUE}", re.IGNORECASE)
_BESIDE = re.compile(rf"\b{_NAMED}\s{_VALUE}", re.IGNORECASE)
_AS = re.compile(rf"{_VALUE}\s+as\s+(?:(?:my|the|your|a|new)\s+){{0,3}}{_NAMED}\b", re.IGNORECASE)
_SLOT = re.compile(r"<\|slot:[a-z_]+\|>")
_SIGN_INSIDE = re.compile(r"\w[^\w\s'’/-]+\w")


def masked(text: str) -> str:
    """A text or template without its passwords; "Your password is case sensitive" stays as it is.

    A word counts as one where it stands in a password's place and isn't spelled like an ordinary word: with
    a digit, with a sign or a capital inside, joined to what was taken for a name, or, behind "is", with a
    capital at its head.
    """
    text = _GIVEN.sub(lambda match: _without(match, headed=True), text)
    for pattern in (_BESIDE, _AS):
        text = pattern.sub(lambda match: _without(match, headed=False), text)
    return text


def _without(match: re.Match[str], *, headed: bool) -> str:
    value = match[1].rstrip(".,;:!?)")
    if len(value) < 3 or not _secret(value, headed):
        return match[0]
    start = match.start(1) - match.start()
    return match[0][:start] + MASK + match[0][start + len(value) :]


def _secret(value: str, headed: bool) -> bool:
    rest = _SLOT.sub("", value)
    if rest != value:
        return any(sign.isalnum() for sign in rest)
    capital = any(sign.isupper() for sign in (value if headed else value[1:]))
    return capital or any(sign.isdigit() for sign in value) or bool(_SIGN_INSIDE.search(value))
