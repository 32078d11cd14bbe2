"""Files of JSON lines, plain or gzip, read one line at a time; and values that are not what they should be.

Says of a bad line where it is and what to do. Knows no format of a row.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Final, Literal, Protocol, cast

Raw = dict[str, Any]

UNREADABLE: Final = (OSError, EOFError, zlib.error)
"""What is raised where bytes can't be had, packed ones included."""
LONGEST_LINE: Final = 1 << 25
"""Bytes of one line; a longer one is read over, never held."""

_KINDS: Final = {
    dict: "an object",
    list: "a list",
    str: "a string",
    bool: "true or false",
    type(None): "null",
}


class BadFile(ValueError):
    """A data file can't be used; the message names the file, the line and the reason."""


class Readable(Protocol):
    """A file to read: a path, or whatever has its name and its bytes."""

    @property
    def name(self) -> str:
        """What people call it; its ending says what it may be."""
        ...

    def open(self, mode: Literal["rb"], /) -> BinaryIO:
        """Its bytes from the start; raises OSError."""
        ...


def opened(path: Readable) -> BinaryIO:
    """The file's bytes, unpacked where it is gzip; the caller closes it. Raises OSError."""
    if isinstance(path, Path) and path.suffix == ".gz":
        return cast(BinaryIO, gzip.open(path, "rb"))
    return path.open("rb")


def numbered(path: Readable) -> Iterator[tuple[int, bytes]]:
    """(line number, bytes) of each line that is not blank, the first of them where it is too long.

    Raises BadFile.
    """
    number = 0
    try:
        with opened(path) as lines:
            while line := lines.readline(LONGEST_LINE + 1):
                number += 1
                whole = len(line) <= LONGEST_LINE
                if line.strip() or not whole:
                    yield number, line
                while not whole:
                    rest = lines.readline(LONGEST_LINE)
                    whole = not rest or rest.endswith(b"\n")
    except UNREADABLE as error:
        raise unreadable(path, f"after line {number} ", error) from error


def unreadable(path: Readable, where: str, error: Exception) -> BadFile:
    """What to raise where the bytes themselves can't be had."""
    reason = getattr(error, "strerror", None) or str(error)
    return BadFile(f"{path.name}: can't be read {where}({reason})")


def raw_rows(path: Readable) -> Iterator[tuple[int, Raw]]:
    """(line number, object) of each line that is not blank; raises BadFile."""
    for number, line in numbered(path):
        try:
            yield number, json_object(number, line)
        except ValueError as error:
            raise BadFile(f"{path.name} line {number}: {error}") from error


def json_object(number: int, line: bytes) -> Raw:
    """The object on a line; raises ValueError with what is wrong with it."""
    if len(line) > LONGEST_LINE:
        raise ValueError(f"longer than {LONGEST_LINE >> 20} MiB; each line must be one conversation")
    try:
        raw = json.loads(line.decode("utf-8-sig" if number == 1 else "utf-8"))
    except UnicodeDecodeError as error:
        raise ValueError("not UTF-8; save the file as UTF-8") from error
    except (ValueError, RecursionError) as error:
        raise ValueError("not JSON; each line must be one JSON object") from error
    return as_object(raw)


def as_object(raw: object) -> Raw:
    """The same, known to be an object; raises ValueError."""
    if not isinstance(raw, dict):
        raise ValueError(f"a JSON object was expected, not {kind_of(raw)}")
    return raw


def string(raw: Raw, key: str) -> str:
    """A string of an object; raises ValueError that says what is there instead."""
    value = raw.get(key)
    if not isinstance(value, str):
        raise ValueError(f'a string "{key}" was expected, {instead(raw, key)}')
    return value


def listed(raw: Raw, key: str) -> list[Any]:
    """A list of an object; raises ValueError that says what is there instead."""
    value = raw.get(key)
    if not isinstance(value, list):
        raise ValueError(f'a list "{key}" was expected, {instead(raw, key)}')
    return value


def instead(raw: Raw, key: str) -> str:
    """What an object has in the place of what was expected."""
    if key in raw:
        return f"not {kind_of(raw[key])}"
    return f"which is missing (there are: {', '.join(sorted(raw)[:6])[:120] or 'none'})"


def kind_of(value: object) -> str:
    """What a JSON value is, in words."""
    return _KINDS.get(type(value), "a number")
