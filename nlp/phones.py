"""Phone numbers in running text, checked against the numbering plans of the regions served.

Knows no word around a number; what is an order number is decided before this is asked.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import phonenumbers

REGIONS = ("GB", "US", "DE", "IN")
"""Numbers without a country code are read as numbers of these, in this order."""

_CANDIDATE = re.compile(r"(?<![\w.#@/-])(?:\+|00)?\(?\d[\d\s().-]{6,28}\d(?![\w@-])")
_EXTENSION = re.compile(r"\s?(?:x|ext\.?|extension)\s?\d{1,5}\b", re.IGNORECASE)
_ADDRESS_OF_A_MACHINE = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}")
_CALLED = re.compile(
    r"\b(?:(?:tele)?phone|mobile|cell(?:phone)?|landline|contact|whats ?app|tel|ph"
    r"|(?:call|ring|text|reach|phone)\s+(?:me|us)(?:\s+back)?\s+(?:on|at))\b\.?"
    r"(?:\s{0,3}(?:numbers?|nos?\.?|num|nr\.?|#|is|it'?s|[:=]|my|the)){0,4}\s{0,3}"
    r"(\+?\(?\d(?:[ ().-]{0,2}\d){6,14})(?![\w-]|[.,]\d)",
    re.IGNORECASE,
)
_VALID, _SAID = 0.95, 0.9


def find_phones(text: str) -> Iterator[tuple[int, int, str, float]]:
    """(start, end, number in E.164 form where it is valid, score) of each number, extension and all.

    One that no numbering plan knows counts where the words before it call it a phone number.
    """
    found: list[tuple[int, int]] = []
    for candidate in _CANDIDATE.finditer(text):
        for start, end, number in _valid_parts(text, candidate.start(), candidate.end()):
            end = _with_extension(text, end)
            found.append((start, end))
            yield start, end, number, _VALID
    for match in _CALLED.finditer(text):
        if not any(match.start(1) < end and start < match.end(1) for start, end in found):
            yield match.start(1), _with_extension(text, match.end(1)), " ".join(match[1].split()), _SAID


def _valid_parts(text: str, start: int, end: int) -> Iterator[tuple[int, int, str]]:
    """The longest valid number among groups of digits: a postcode may stand right before a phone."""
    groups = [(start + m.start(), start + m.end()) for m in re.finditer(r"\S+", text[start:end])]
    runs = [
        (first, last) for first in range(len(groups)) for last in range(first, min(first + 7, len(groups)))
    ]
    for first, last in sorted(runs, key=lambda run: run[0] - run[1]):
        begin, stop = groups[first][0], groups[last][1]
        whole = last - first + 1 == len(groups)
        if not whole and text[begin] not in "+0(" and (first != last or stop - begin < 10):
            continue
        while stop > begin and text[stop - 1] in ".-(":
            stop -= 1
        number = _valid(text[begin:stop])
        if number is not None:
            yield begin, stop, number
            return


def _with_extension(text: str, end: int) -> int:
    extension = _EXTENSION.match(text, end)
    return extension.end() if extension else end


def _valid(written: str) -> str | None:
    digits = sum(sign.isdigit() for sign in written)
    if digits < 7 or digits > 15 or _ADDRESS_OF_A_MACHINE.fullmatch(written):
        return None
    if written.startswith("00"):
        written = "+" + written[2:]
    # Without a country code only ten or eleven digits look like a phone, with a leading zero nine as well:
    # eight are as likely a date.
    national = (9, 10, 11, 12) if written.startswith(("0", "(0")) else (10, 11)
    if not written.startswith("+") and digits not in national:
        return None
    for region in REGIONS:
        try:
            number = phonenumbers.parse(written, region)
        except phonenumbers.NumberParseException:
            continue
        if phonenumbers.is_valid_number(number):
            return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return None
