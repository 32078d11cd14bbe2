"""Phone numbers in running text, checked against the numbering plans of the regions served.

Knows no word around a number; what is an order number is decided before this is asked.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import phonenumbers

REGIONS = ("GB", "US", "DE", "IN")
"""Numbers without a country code are read as numbers of these, in this order."""

_CANDIDATE = re.compile(r"(?<![\w.#@/-])(?:\+|00)?\(?\d[\d\s().-]{6,20}\d(?![\w@-])")
_SCORE = 0.95


def find_phones(text: str) -> Iterator[tuple[int, int, str, float]]:
    """(start, end, number in E.164 form, score) of each valid number."""
    for candidate in _CANDIDATE.finditer(text):
        number = _valid(candidate[0])
        if number is not None:
            yield candidate.start(), candidate.end(), number, _SCORE


def _valid(written: str) -> str | None:
    if written.startswith("00"):
        written = "+" + written[2:]
    # Without a country code or a leading zero, only ten digits look like a phone at all.
    if not written.startswith(("+", "0", "(")) and sum(sign.isdigit() for sign in written) not in (10, 11):
        return None
    for region in REGIONS:
        try:
            number = phonenumbers.parse(written, region)
        except phonenumbers.NumberParseException:
            continue
        if phonenumbers.is_valid_number(number):
            return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return None
