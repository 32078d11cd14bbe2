"""E-mail addresses in running text, as typed, as spoken, and with the signs that people leave out.

"anna@example.com", "anna dot k at gmail dot com", "anna @ gmail . com", "annagmail.com". Knows no word
around one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_PLAIN = re.compile(r"(?<![\w.+-])[\w.+%-]{1,64}@(?:[\w-]{1,63}\.){1,8}[A-Za-z]{2,24}(?![\w@])")
_PROVIDER = (
    r"(?:g(?:oogle)?mail|hotmail|yahoo|outlook|icloud|protonmail|rediffmail|fastmail|btinternet|ymail|rocketmail"
    r"|gmx|aol|msn|comcast|verizon)"
)
_LAST = (
    r"(?:com|net|org|edu|gov|info|in|de|fr|es|it|nl|ie|eu|us|ca|co|uk|au|nz|za|pl|se|no|dk|ch|at|be|example)"
)
_USER = r"[\w+-]{1,40}(?:\s?(?:\.|\s(?:dot|underscore|dash|hyphen)\s)\s?[\w+-]{1,40}){0,4}"
_DOT = r"(?:\s?\.\s?|\s(?:dot|point)\s)"
_SPOKEN = re.compile(
    rf"(?<![\w.+@-])({_USER})(?:\s?@\s?|\s?[(\[]at[)\]]\s?|\sat\s)"
    rf"([\w-]{{1,40}}(?:\s(?:dot|point)\s[\w-]{{2,40}}){{0,2}}(?:{_DOT}{_LAST}\b){{1,2}}|{_PROVIDER}\b)(?![\w@])",
    re.IGNORECASE,
)
_JOINED = re.compile(
    r"(?<![\w.+/@-])[a-z0-9][\w.+-]{0,40}[a-z0-9_]"
    r"(?:gmail|hotmail|yahoo|outlook|icloud|protonmail|rediffmail|fastmail|rocketmail)"
    r"\.?(?:com|net|in|de|fr|co\.?(?:uk|in))(?!\w|\.\w)",
    re.IGNORECASE,
)
_NOT_USERS = frozenset(
    "it them this that one me us you him her look looking shop stuff is was are be here there thing see am "
    "account login mailbox inbox mail email orders".split()
)
_SIGNS = {"dot": ".", "point": ".", "underscore": "_", "dash": "-", "hyphen": "-"}
_FULL, _TOLD = 1.0, 0.9


def find_emails(text: str) -> Iterator[tuple[int, int, str, float]]:
    """(start, end, address in lower case, score) of each; a spoken one gets its signs back."""
    taken: list[tuple[int, int]] = []
    for match in _PLAIN.finditer(text):
        taken.append(match.span())
        yield *match.span(), match[0].lower(), _FULL
    for match in _SPOKEN.finditer(text):
        start, end = match.start(), match.end()
        between = text[match.end(1) : match.start(2)].strip().lower()
        if between == "at" and (match[1].lower().split()[-1] in _NOT_USERS or not _is_spelt(match[2])):
            continue
        if not any(start < b and a < end for a, b in taken):
            taken.append((start, end))
            yield start, end, f"{_joined(match[1])}@{_joined(match[2])}", _TOLD
    for match in _JOINED.finditer(text):
        if not any(match.start() < b and a < match.end() for a, b in taken):
            yield *match.span(), match[0].lower(), _TOLD


def _is_spelt(domain: str) -> bool:
    """Whether a domain behind the word "at" is one for sure: "gmail.com", "argos dot com", not "home"."""
    return (
        re.search(r"\s(?:dot|point)\s", domain, re.IGNORECASE) is not None
        or re.match(rf"{_PROVIDER}\b", domain, re.IGNORECASE) is not None
    )


def _joined(spoken: str) -> str:
    words = re.sub(r"\s*\.\s*", ".", spoken.lower()).split()
    return "".join(_SIGNS.get(word, word) for word in words)
