"""Boilerplate: what mail programs and shop systems put under or in place of what a person wrote.

Signatures, "sent from my", disclaimers, quoted mail and automatic replies are cut. A closing line that very
many replies share is boilerplate only where it says nothing to the customer: "Anything else I can help you
with?" recurs as often as a disclaimer, and is what support says. Knows texts only.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable

OFTEN, SHARE = 20, 0.02
"""A line must close so many turns of agents, and this share of them, to be looked at as boilerplate."""
_LAST = 6
"""Lines at the end of a turn that may be a signature."""
_SENT_FROM = re.compile(
    r"\s*(?:sent|written) (?:from|with|via|using) (?:my|the|outlook|yahoo|gmail|mail|proton|samsung|aol)\b"
    r".{0,60}",
    re.IGNORECASE,
)
_DISCLAIMER = re.compile(
    r"\bintended (?:recipient|only for|solely for)"
    r"|\b(?:is|are|be|contains?) (?:strictly )?(?:confidential|privileged)\b"
    r"|\bconfidentiality notice|\bconsider the environment before printing|\bscanned for viruses"
    r"|\bdo not reply to this (?:e-?mail|message)\b",
    re.IGNORECASE,
)
_SIGN_OFF = re.compile(
    r"\s*(?:(?:kind|best|warm|warmest|many)(?: (?:kind|best|warm))? (?:regards|wishes)|regards|best|cheers"
    r"|(?:yours )?(?:sincerely|faithfully|truly)(?: yours)?)[\s,.!]*",
    re.IGNORECASE,
)
_DELIMITER = re.compile(r"\s*(?:--|—|–|_{3,}|-{3,})\s*")
_QUOTED = re.compile(
    r"\s*(?:On .{6,90} wrote:|-{2,}\s?Original Message\s?-{2,}|From: .{3,90})\s*", re.IGNORECASE
)
_AUTOMATIC = re.compile(
    r"\A\W*(?:subject:\W*)?(?:this is an? )?auto(?:matic|mated)?[- ]?"
    r"(?:reply|response|answer|message|e-?mail)\b"
    r"|\A.{0,60}\bI(?: am|['’]m) .{0,20}\bout of (?:the )?office\b",
    re.IGNORECASE | re.DOTALL,
)
"""Only at the head: "this is not an automated response" is what a person says."""
_SPOKEN = re.compile(
    r"\b(?:i|you|we|me|us|your|our|my|it|is|are|was|were|am|be|can|could|will|would|shall|should|may|have|has"
    r"|had|do|does|did|don't|let|please|thank|thanks|sorry|welcome|hello|hi|bye|goodbye|yes|no|not|what|when"
    r"|where|which|who|how|why)\b|[?!]|['’](?:s|re|m|ll|ve|d)\b",
    re.IGNORECASE,
)
_LETTER = re.compile(r"[^\W\d_]")
_HOUSE = re.compile(
    r"\b(?:ltd|limited|llc|llp|inc|gmbh|plc|pvt|s\.?a|team|support|care|service|services|department|desk"
    r"|registered|tel|phone|fax|opening hours)\b|[|·•]",
    re.IGNORECASE,
)
"""What a line under a mail has: "Step 2: open the box" has none of it, nor has a link that answers."""


def automatic(text: str) -> bool:
    """Was this written by a machine in a person's absence?"""
    return bool(_AUTOMATIC.match(text))


def recurring(texts: Iterable[str]) -> frozenset[str]:
    """Closing lines, of agents' turns with several, that very many turns share and that say nothing."""
    closing: Counter[str] = Counter()
    turns = 0
    for text in texts:
        turns += 1
        lines = [line for line in text.splitlines() if line.strip()]
        closing.update({_plain(line) for line in lines[1:][-_LAST:]})
    return frozenset(
        line
        for line, times in closing.items()
        if times >= max(OFTEN, SHARE * turns) and silent(line) and _HOUSE.search(line)
    )


def silent(line: str) -> bool:
    """Does a line of Latin letters say nothing to anybody? "Acme Ltd, 12 Mill Road" has no word that does."""
    letters = _LETTER.findall(line)
    return bool(letters) and all(ord(sign) < 0x250 for sign in letters) and not _SPOKEN.search(line)


def without_boilerplate(text: str, shared: Collection[str] = ()) -> str:
    """A turn without what stands under it; `shared` holds lines as `recurring` found them."""
    lines = text.splitlines()
    for at, line in enumerate(lines):
        if _QUOTED.fullmatch(line) and any(rest.lstrip().startswith(">") for rest in lines[at + 1 :]):
            lines = lines[:at]
            break
    while lines and (not lines[-1].strip() or _under(lines[-1], shared)):
        lines.pop()
    for at in range(max(1, len(lines) - _LAST), len(lines)):
        if _closes(lines[at], lines[at + 1 :]):
            lines = lines[:at]
            break
    kept = "\n".join(lines).strip()
    return kept if len(kept) < len(text.strip()) else text


def _under(line: str, shared: Collection[str]) -> bool:
    return bool(_SENT_FROM.fullmatch(line) or _DISCLAIMER.search(line)) or _plain(line) in shared


def _closes(line: str, rest: list[str]) -> bool:
    """Is this the beginning of a signature? Then nothing that follows it speaks to the customer."""
    opens = bool(_SIGN_OFF.fullmatch(line)) or bool(rest and _DELIMITER.fullmatch(line))
    return opens and all(silent(one) or not _LETTER.search(one) for one in rest if one.strip())


def _plain(line: str) -> str:
    return " ".join(line.lower().split())
