"""The records of an export, whether it is JSON lines or one document. Knows no format of a record."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from storage.transcripts.documents import LISTS, elements
from storage.transcripts.lines import (
    UNREADABLE,
    Raw,
    Readable,
    as_object,
    json_object,
    numbered,
    opened,
    unreadable,
)

_WRAPPERS: Final = frozenset((*LISTS, "data"))
_USERS: Final = "users"
_LONGEST: Final = 1 << 22
"""Bytes of a first line that are looked at; a longer one is taken for a document."""


@dataclass(frozen=True, slots=True)
class Record:
    """One record and where it is; without `raw`, `reason` says what is wrong with it."""

    place: str
    raw: Raw | None
    reason: str = ""


def is_lines(path: Readable) -> bool:
    """Whether each line is an object of its own; raises BadFile."""
    first, second = _first_lines(path)
    start = first.removeprefix(b"\xef\xbb\xbf").lstrip()
    if not start.startswith(b"{"):
        return not start.startswith(b"[")
    if len(first) == _LONGEST and not first.endswith(b"\n"):
        return False
    try:
        found = json.loads(start)
    except (ValueError, RecursionError):
        # a broken first line: an object that goes on has no brace at the very start of the next line
        return second.startswith(b"{")
    return not any(isinstance(found.get(key), list | dict) for key in _WRAPPERS)


def _first_lines(path: Readable) -> tuple[bytes, bytes]:
    """The first two lines that are not blank, so far as they are not endless: a document may be one line."""
    found: list[bytes] = []
    try:
        with opened(path) as file:
            while len(found) < 2 and (line := file.readline(_LONGEST)):
                if line.strip():
                    found.append(line)
    except UNREADABLE as error:
        raise unreadable(path, "", error) from error
    first, second = [*found, b"", b""][:2]
    return first, second


def records(path: Readable) -> Iterator[Record]:
    """Every record; raises BadFile where the file can't be read on."""
    if is_lines(path):
        for number, line in numbered(path):
            try:
                yield Record(f"line {number}", json_object(number, line))
            except ValueError as error:
                yield Record(f"line {number}", None, str(error))
        return
    found = (value for key, value in elements(path) if key != _USERS)
    for number, value in enumerate(found, start=1):
        try:
            yield Record(f"record {number}", as_object(value))
        except ValueError as error:
            yield Record(f"record {number}", None, str(error))


def users(path: Readable) -> Iterator[Raw]:
    """The people that a document lists beside its records; none for JSON lines."""
    if not is_lines(path):
        yield from (value for key, value in elements(path) if key == _USERS and isinstance(value, dict))
