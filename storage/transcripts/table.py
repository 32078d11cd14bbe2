"""Tables of messages (CSV, TSV): one row a message, the rows of a conversation one after the other.

Delimiter, encoding and columns are found by themselves; what has another name is told by a mapping. Knows
one conversation at a time, and of the others that there were some.
"""

from __future__ import annotations

import codecs
import csv
import hashlib
import io
import itertools
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any, Final

from storage.transcripts.lines import LONGEST_LINE, UNREADABLE, BadFile, Readable, opened, unreadable
from storage.transcripts.naming import known
from storage.transcripts.times import moment
from storage.transcripts.transcript import Row, Said, Speaker, Transcript

COLUMNS: Final[Mapping[str, Sequence[str]]] = {
    "conversation": ("conversation_id", "ticket_id", "chat_id", "thread_id", "ticket", "chat", "thread"),
    "role": ("author_type", "sender_type", "speaker", "direction", "sender", "from", "author"),
    "text": ("message", "body", "content", "utterance"),
    "time": ("at", "created_at", "timestamp", "sent_at", "date"),
    "customer": ("customer_name", "name", "contact"),
    "email": ("customer_email", "e-mail"),
}
"""What a table may hold, and the names that its columns commonly have beside that one."""
_NEEDED: Final = ("conversation", "role", "text")
ROLES: Final[Mapping[str, Speaker]] = {
    **dict.fromkeys(("customer", "user", "client", "visitor", "contact", "lead"), "customer"),
    **dict.fromkeys(("end-user", "incoming", "inbound", "in"), "customer"),
    **dict.fromkeys(("agent", "admin", "operator", "support", "staff", "rep", "employee"), "agent"),
    **dict.fromkeys(("outgoing", "outbound", "out", "bot"), "agent"),
}
_UNSEEN: Final = frozenset({"note", "system", "activity", "internal"})
"""Roles of rows that no customer saw."""
_DELIMITERS: Final = (",", ";", "\t", "|")
_HEAD: Final = 1 << 16
_LONGEST: Final = 1 << 20
"""Characters of one field."""
MOST_TURNS: Final = 10_000
"""Messages of one conversation; more are of several that bear one name."""

Mapped = Mapping[str, str]
"""What the person said: the column of a field, or the role ("customer", "agent") of a value."""


@dataclass(slots=True)
class _Open:
    """The conversation whose rows are being read."""

    id: str
    line: int
    turns: list[Said]
    meta: dict[str, Any]
    reason: str = ""


def rows(path: Readable, mapped: Mapped) -> Iterator[Row]:
    """The conversations of a table; raises BadFile for a table whose columns can't be told."""
    with _opened(path) as reader:
        columns = _columns(path, next(reader, []), mapped)
        yield from _conversations(_lines(reader), columns, mapped)


def head(path: Readable, count: int) -> list[list[str]]:
    """The names of the columns and the first rows, for a person to look at; raises BadFile."""
    with _opened(path) as reader:
        return list(itertools.islice(reader, count + 1))


@contextmanager
def _opened(path: Readable) -> Iterator[Any]:
    """A reader of the table's rows; whatever is wrong with the bytes is raised as BadFile."""
    encoding = _encoding(path)
    at = 0
    try:
        with closing(io.TextIOWrapper(opened(path), encoding, newline="")) as text:
            delimiter = _delimiter(path, text.read(_HEAD))
            text.seek(0)
            csv.field_size_limit(_LONGEST)
            reader = csv.reader(_whole(text), delimiter=delimiter, strict=True)
            try:
                yield reader
            finally:
                at = reader.line_num
    except (csv.Error, UnicodeError) as error:
        raise BadFile(f"{path.name} line {at}: not a table from here on ({error})") from error
    except UNREADABLE as error:
        raise unreadable(path, "", error) from error


def _whole(text: io.TextIOWrapper) -> Iterator[str]:
    """The lines, none of them endless."""
    while line := text.readline(LONGEST_LINE + 1):
        if len(line) > LONGEST_LINE:
            raise csv.Error(f"a line longer than {LONGEST_LINE >> 20} million characters")
        yield line


def _encoding(path: Readable) -> str:
    """UTF-8 or UTF-16 by their marks, UTF-8 where all of it is, else Windows' western one."""
    try:
        with opened(path) as file:
            head = file.read(_HEAD)
            if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
                return "utf-16"
            decode = codecs.getincrementaldecoder("utf-8")().decode
            while head:
                decode(head)
                head = file.read(_HEAD)
            decode(b"", True)
    except UnicodeDecodeError:
        return "cp1252"
    except UNREADABLE as error:
        raise unreadable(path, "", error) from error
    return "utf-8-sig"


def _delimiter(path: Readable, head: str) -> str:
    """The one that the first line has most of."""
    first = head.split("\n", 1)[0]
    delimiter = max(_DELIMITERS, key=first.count)
    if not first.count(delimiter):
        raise BadFile(f"{path.name} line 1: no table; names of columns between commas were expected there")
    return delimiter


def columns_of(header: Sequence[str], mapped: Mapped) -> dict[str, int]:
    """Where each field stands, so far as mapping and names tell."""
    names = [name.strip().casefold() for name in header]
    found: dict[str, int] = {}
    for field, common in COLUMNS.items():
        wanted = [mapped[field].strip().casefold()] if field in mapped else [field, *common]
        named = next((name for name in wanted if name in names), None)
        if named is not None:
            found[field] = names.index(named)
    return found


def _columns(path: Readable, header: Sequence[str], mapped: Mapped) -> dict[str, int]:
    """Where each field stands; raises BadFile that says how to tell."""
    found = columns_of(header, mapped)
    there = ", ".join(name.strip().casefold() for name in header)[:200]
    lost = next((field for field in COLUMNS if field in mapped and field not in found), None)
    if lost is not None:
        raise BadFile(f"{path.name}: there is no column {mapped[lost]!r} (there are: {there})")
    missing = [field for field in _NEEDED if field not in found]
    if missing:
        way = f"Map it: {missing[0]}=COLUMN (there are: {there})"
        raise BadFile(f"{path.name}: which column is the {missing[0]}? {way}")
    return found


def _lines(reader: Any) -> Iterator[tuple[int, list[str]]]:
    """(line number, fields) of every row; a row may take several lines, and is told by its last."""
    return ((reader.line_num, fields) for fields in reader if any(fields))


def _conversations(
    lines: Iterator[tuple[int, list[str]]], columns: Mapping[str, int], mapped: Mapped
) -> Iterator[Row]:
    ended: set[bytes] = set()
    held: _Open | None = None
    for line, fields in lines:
        row = {field: fields[at].strip() for field, at in columns.items() if at < len(fields)}
        name = row.get("conversation", "")
        if held is None or held.id != name:
            if held is not None:
                yield _row(held)
                ended.add(_mark(held.id))
            held = _Open(name, line, [], {})
            if _mark(name) in ended:
                held.reason = "this conversation has rows further up; sort the table by conversation and time"
        _add(held, line, row, mapped)
    if held is not None:
        yield _row(held)


def _add(held: _Open, line: int, row: Mapping[str, str], mapped: Mapped) -> None:
    """One more message; the first thing that is wrong stays the conversation's reason."""
    try:
        turn = _said(row, mapped)
    except ValueError as error:
        held.reason = held.reason or f"line {line}: {error}"
        return
    if turn is not None and len(held.turns) < MOST_TURNS:
        held.turns.append(turn)
    elif turn is not None:
        held.reason = held.reason or f"line {line}: this conversation has more than {MOST_TURNS:,} messages"
    held.meta |= known(customer_name=row.get("customer"), customer_email=row.get("email"))


def _said(row: Mapping[str, str], mapped: Mapped) -> Said | None:
    missing = [field for field in _NEEDED if field not in row]
    if missing or not row["conversation"]:
        raise ValueError(f"no {missing[0] if missing else 'conversation'} in this row")
    given = row["role"].casefold()
    told: dict[str, Speaker] = {
        value.casefold(): "customer" if role == "customer" else "agent"
        for value, role in mapped.items()
        if role in ("customer", "agent")
    }
    if (given in _UNSEEN and given not in told) or not row["text"]:
        return None
    role = told.get(given, ROLES.get(given))
    if role is None:
        name = row["role"][:40]
        raise ValueError(f"who is {name!r}? Map it: {name}=agent or {name}=customer")
    origin = "automatic" if given == "bot" and given not in told else None
    return Said(role, row["text"], moment(row.get("time")), origin)


def _row(held: _Open) -> Row:
    place = f"line {held.line}"
    if held.reason:
        return Row(place, None, held.reason)
    return Row(place, Transcript(held.id, tuple(held.turns), held.meta))


def _mark(name: str) -> bytes:
    return hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=12).digest()
