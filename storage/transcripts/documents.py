"""One JSON document with a list of records in it, read record by record however long it is.

Takes [...], {"tickets": [...]} and the like, or one record alone. Knows no format of a record.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator
from typing import Any, Final

from storage.transcripts.lines import UNREADABLE, BadFile, Raw, Readable, opened, unreadable

LISTS: Final = ("tickets", "conversations", "payload", "users")
"""Keys of lists of records."""
_WRAPPER: Final = "data"
"""A key under which the lists may lie one step deeper."""
_CHUNK: Final = 1 << 16
_LARGEST: Final = 1 << 25
"""Characters of one record: more is taken for a document that is broken."""
_BLANKS: Final = " \t\r\n"
_JSON: Final = json.JSONDecoder()

Element = tuple[str, Any]
"""(key of the list, or "", and a value in it)"""


def elements(path: Readable) -> Iterator[Element]:
    """Every record of the document, in order; a document without a list is one. Raises BadFile."""
    text = _Text(path)
    try:
        if text.peek() == "[":
            yield from _values(text, "")
        else:
            yield from _members(text, alone=True)
        if text.peek():
            raise ValueError("something follows its end")
    except UnicodeDecodeError as error:
        raise BadFile(f"{path.name}: not UTF-8; save the file as UTF-8") from error
    except UNREADABLE as error:
        raise unreadable(path, "", error) from error
    except (ValueError, RecursionError) as error:
        raise BadFile(f"{path.name}: not JSON ({text.where}); export it again, whole") from error
    finally:
        text.close()


def _members(text: _Text, *, alone: bool) -> Iterator[Element]:
    """What the object at hand has in its lists, or all of it where it has none and stands `alone`."""
    text.take("{")
    rest: Raw = {}
    met = text.peek() == "}"
    first = True
    while text.peek() != "}":
        if not first:
            text.take(",")
        first = False
        key = str(text.value())
        text.take(":")
        if key in LISTS and text.peek() == "[":
            met = True
            yield from _values(text, key)
        elif key == _WRAPPER and text.peek() == "{":
            met = True
            yield from _members(text, alone=False)
        else:
            rest[key] = text.value()
    text.take("}")
    if alone and not met:
        yield "", rest


def _values(text: _Text, key: str) -> Iterator[Element]:
    text.take("[")
    first = True
    while text.peek() != "]":
        if not first:
            text.take(",")
        first = False
        yield key, text.value()
    text.take("]")


class _Text:
    """The document's text: as much of it as the value at hand needs."""

    def __init__(self, path: Readable) -> None:
        try:
            self._file = opened(path)
        except OSError as error:
            raise unreadable(path, "", error) from error
        self._decode = codecs.getincrementaldecoder("utf-8-sig")().decode
        self._held, self._at, self._before = "", 0, 0
        self._ended = False

    @property
    def where(self) -> str:
        return f"at character {self._before + self._at + 1}"

    def close(self) -> None:
        self._file.close()

    def peek(self) -> str:
        """The next sign that is not blank; "" at the end."""
        while True:
            while self._at < len(self._held):
                if self._held[self._at] not in _BLANKS:
                    return self._held[self._at]
                self._at += 1
            if not self._more(_CHUNK):
                return ""

    def take(self, sign: str) -> None:
        if self.peek() != sign:
            raise ValueError(f"{sign} was expected")
        self._at += 1

    def value(self) -> Any:
        """The next value, whole; reads on, twice as far each time, until it is."""
        chunk = _CHUNK
        self.peek()
        while True:
            try:
                value, end = _JSON.raw_decode(self._held, self._at)
            except ValueError:
                end = None
            # a number that ends where the text at hand ends may go on
            if end is not None and (end < len(self._held) or not self._more(_CHUNK)):
                self._at = end
                return value
            if end is None and (len(self._held) - self._at > _LARGEST or not self._more(chunk)):
                raise ValueError("a value is broken")
            chunk *= 2

    def _more(self, size: int) -> bool:
        if self._ended:
            return False
        read = self._file.read(size)
        self._ended = not read
        self._before += self._at
        self._held, self._at = self._held[self._at :] + self._decode(read, self._ended), 0
        return not self._ended
