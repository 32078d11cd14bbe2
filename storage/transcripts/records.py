"""The records of an export, whether it is JSON lines or one document. Knows no format of a record."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from storage.transcripts.documents import LISTS, elements
from storage.transcripts.lines import Raw, as_object, json_object, numbered

_WRAPPERS: Final = frozenset((*LISTS, "data"))
_USERS: Final = "users"


@dataclass(frozen=True, slots=True)
class Record:
    """One record and where it is; without `raw`, `reason` says what is wrong with it."""

    place: str
    raw: Raw | None
    reason: str = ""


def is_lines(path: Path) -> bool:
    """Whether each line is an object of its own; raises BadFile."""
    first, second = itertools.islice(itertools.chain(numbered(path), ((0, b""), (0, b""))), 2)
    start = first[1].removeprefix(b"\xef\xbb\xbf").lstrip()
    if not start.startswith(b"{"):
        return not start.startswith(b"[")
    try:
        found = json.loads(start)
    except (ValueError, RecursionError):
        # a broken first line: an object that goes on has no brace at the very start of the next line
        return second[1].startswith(b"{")
    return not any(isinstance(found.get(key), list | dict) for key in _WRAPPERS)


def records(path: Path) -> Iterator[Record]:
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


def users(path: Path) -> Iterator[Raw]:
    """The people that a document lists beside its records; none for JSON lines."""
    if not is_lines(path):
        yield from (value for key, value in elements(path) if key == _USERS and isinstance(value, dict))
