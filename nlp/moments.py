"""Dates and times of day that have a form, as patterns. Knows no calendar and not what day it is.

Loose wordings ("the week after my birthday") are left to the tagger.
"""

from __future__ import annotations

import re
from datetime import date

_MONTHS = (
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
)
_MONTH = (
    r"(?:jan(?:uary\b|\.)?|feb(?:ruary\b|\.)?|mar(?:ch\b|\.)?|apr(?:il\b|\.)?|may|june|jun\.?|july|jul\.?"
    r"|aug(?:ust\b|\.)?|sept?(?:ember\b|\.)?|oct(?:ober\b|\.)?|nov(?:ember\b|\.)?|dec(?:ember\b|\.)?)"
)
"""A full stop belongs to a short form only: "9 Aug." but not "9 August."."""
_WEEKDAY = r"(?:mon|tues?|wednes|wed|thurs?|fri|satur|sat|sun)(?:day)?"
_FULL_WEEKDAY = r"(?:monday|tuesday|wednesday|thursday|friday|saturday|sunday)"
_DAY = r"(?:0?[1-9]|[12]\d|3[01])(?:st|nd|rd|th)?"
_YEAR = r"(?:19|20)\d\d"

DATES = re.compile(
    rf"""(?<![\w.£$€/-])(?:
      {_YEAR}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])
    | (?:0?[1-9]|[12]\d|3[01])/(?:0?[1-9]|1[0-2])/(?:{_YEAR}|\d\d)
    | (?:0?[1-9]|[12]\d|3[01])\.(?:0?[1-9]|1[0-2])\.(?:{_YEAR}|\d\d)
    | (?:0?[1-9]|1[0-2])/(?:0?[1-9]|[12]\d|3[01])/(?:{_YEAR}|\d\d)
    | (?:{_WEEKDAY},?\s+(?:the\s+)?)?{_DAY}\s+(?:of\s+)?{_MONTH}(?:,?\s+{_YEAR})?
    | (?:{_WEEKDAY},?\s+)?{_MONTH}\s+(?:the\s+)?{_DAY}(?!\s*[:%]|\d)(?:,?\s+{_YEAR})?
    | (?:(?:next|last|this|coming|following)\s+)?{_FULL_WEEKDAY}
    | day\s+(?:before\s+yesterday|after\s+tomorrow)
    | (?:today|tomorrow|yesterday|tonight)
    | (?:next|last)\s+(?:week(?:end)?|month|year)
    | (?:(?:a|one|two|three|four|five|six|\d{{1,2}})\s+(?:days?|weeks?|months?))\s+ago
    )(?![\w/]|-\d|\.\d)""",
    re.IGNORECASE | re.VERBOSE,
)

TIMES = re.compile(
    r"""(?<![\w.:£$€/-])(?:
      (?:[01]?\d|2[0-3])[:. ][0-5]\d\s?(?:am|pm|a\.m\.?|p\.m\.?)
    | (?:1[0-2]|0?[1-9])(?:[:.][0-5]\d)?\s+(?:in\s+the\s+(?:morning|afternoon|evening)|at\s+night)
    | (?:[01]?\d|2[0-3]):[0-5]\d(?::[0-5]\d)?(?:\s?o'?clock)?
    | (?:0?[1-9]|1[0-2])\s?(?:am|pm|a\.m\.?|p\.m\.?)
    | (?:1[0-2]|[1-9])\s?o['’]?clock
    | (?:noon|midday|midnight)
    )(?!\w)""",
    re.IGNORECASE | re.VERBOSE,
)

_COURTESY = re.compile(
    r"""\b(?:
      (?:how|what)\s+(?:may|can|could|might|shall)\s+(?:i|we)\s+(?:help|assist|serve|be\s+of)\b[^.?!\n]{0,60}
    | (?:help|assist|serve|support)(?:ing)?(?:\s+(?:you|u|me))?(?:\s+out)?(?:\s+with(?:\s+\w{1,12})?)?
    | (?:do(?:ing)?|can|else)\s+for\s+(?:you|u)
    | (?:speaking|chatting|talking|working)\s+(?:with|to)\s+(?:you|us)
    | thank(?:s|\s+you|\s+u)?(?:\s+(?:so|very)\s+much)?\s+for\s+\w+ing\b[^.?!\n]{0,40}
    | (?:contact|call|reach|chatt?|messag|visit|us|choos|join)ing(?:\s+(?:out\s+)?(?:to|with|in\s+to))?\s+us
    | (?:helpful|(?:your|the)\s+(?:\w{1,12}\s+)?(?:help|assistance)
      |your\s+(?:\w{1,12}\s+)?(?:time|patience|support|service|cooperation|understanding))
    | (?:good|great|nice|lovely|wonderful|fantastic|pleasant|amazing|blessed)\s+(?:day|one)
    | how\s+(?:are|r)\s+(?:you|u|things)(?:\s+(?:doing|feeling|going))?
    | what\s+brings\s+you(?:\s+\w{1,20}){0,2}
    | (?:that|thats|that['’]s)(?:\s+(?:is|(?:will|would)\s+be))?\s+(?:all|it|everything)
      (?:\s+(?:i|we)\s+(?:need|needed|wanted|have))?(?:\s+for)?
    | (?:nothing|anything)\s+else(?:\s+(?:i|we)\s+(?:need|needed|wanted|have))?(?:\s+for)?
    )\s+\Z""",
    re.IGNORECASE | re.VERBOSE,
)


def is_courtesy(text: str, start: int, end: int) -> bool:
    """Whether "today" belongs to a greeting or thanks ("How may I help you today?") and names no day."""
    if text[start:end].lower() != "today":
        return False
    return _COURTESY.search(text[max(0, start - 90) : start]) is not None


_ISO = re.compile(rf"({_YEAR})-(\d\d)-(\d\d)")
_WRITTEN = re.compile(
    rf"(?:\D*\s)?(\d{{1,2}})(?:st|nd|rd|th)?\s+(?:of\s+)?({_MONTH}),?\s+({_YEAR})", re.IGNORECASE
)


def date_value(written: str) -> str:
    """ISO 8601 where the year, month and day are all given in words; else the words themselves.

    All-digit dates keep their form: 03/04/2026 is two different days on two sides of the sea.
    """
    words = " ".join(written.split())
    full = _WRITTEN.fullmatch(words)
    if full is None or _ISO.fullmatch(words):
        return words
    month = next(at for at, name in enumerate(_MONTHS, 1) if name.startswith(full[2].lower()[:3]))
    try:
        return date(int(full[3]), month, int(full[1])).isoformat()
    except ValueError:
        return words


def time_value(written: str) -> str:
    """The time with single spaces, as the person wrote it."""
    return " ".join(written.split())
