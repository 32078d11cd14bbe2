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
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?"
    r"|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\.?"
)
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
    | the\s+day\s+(?:before\s+yesterday|after\s+tomorrow)
    | (?:today|tomorrow|yesterday|tonight)
    | (?:next|last)\s+(?:week(?:end)?|month|year)
    | (?:(?:a|one|two|three|four|five|six|\d{{1,2}})\s+(?:days?|weeks?|months?))\s+ago
    )(?![\w/]|-\d|\.\d)""",
    re.IGNORECASE | re.VERBOSE,
)

TIMES = re.compile(
    r"""(?<![\w.:£$€/-])(?:
      (?:[01]?\d|2[0-3])[:.][0-5]\d\s?(?:am|pm|a\.m\.?|p\.m\.?)
    | (?:[01]?\d|2[0-3]):[0-5]\d(?::[0-5]\d)?(?:\s?o'?clock)?
    | (?:0?[1-9]|1[0-2])\s?(?:am|pm|a\.m\.?|p\.m\.?)
    | (?:1[0-2]|[1-9])\s?o['’]?clock
    | (?:noon|midday|midnight)
    )(?!\w)""",
    re.IGNORECASE | re.VERBOSE,
)

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
