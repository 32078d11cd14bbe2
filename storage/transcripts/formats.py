"""Which format a file of transcripts has, and the one way to read any of them. Knows no database."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Final

from storage.transcripts import chatwoot, intercom, table, uniform, zendesk
from storage.transcripts.lines import BadFile, Raw, Readable
from storage.transcripts.records import Record, is_lines, records, users
from storage.transcripts.transcript import Row, Transcript

FORMATS: Final = ("uniform", "table", "zendesk", "intercom", "chatwoot")
_TABLES: Final = frozenset({".csv", ".tsv"})
_SIGNS: Final[Mapping[str, str]] = {
    "turns": "uniform",
    "conversation_id": "uniform",
    "conversation_parts": "intercom",
    "messages": "chatwoot",
    "comments": "zendesk",
    "requester_id": "zendesk",
}
"""Keys that tell the format of a record, the surer ones first."""


def format_of(path: Readable) -> str:
    """One of FORMATS, from the file's name and its first good record; raises BadFile."""
    kind = _suffix(path)
    if kind in _TABLES:
        return "table"
    if is_lines(path) and kind not in (".jsonl", ".ndjson", ".json") and _first(path) is None:
        return "table"
    first = _first(path)
    if first is None:
        raise BadFile(f"{path.name}: no conversation in it; say which format it is, or export it again")
    for key, name in _SIGNS.items():
        if key in first:
            return name
    there = ", ".join(sorted(first)[:6])[:120]
    raise BadFile(f"{path.name}: its format is not known (its rows have: {there}); say which it is")


def _suffix(path: Readable) -> str:
    return Path(path.name.removesuffix(".gz")).suffix.lower()


def _first(path: Readable) -> Raw | None:
    return next((record.raw for record in records(path) if record.raw is not None), None)


def rows(path: Readable, name: str, mapped: Mapping[str, str]) -> Iterator[Row]:
    """Every conversation of a file in the format `name`, or why a row is none. Raises BadFile."""
    if name == "table":
        return table.rows(path, mapped)
    if mapped:
        raise BadFile(f"{path.name}: a mapping is for tables, and this is {name}")
    parse = partial(zendesk.parse, users=zendesk.by_id(users(path))) if name == "zendesk" else _PARSERS[name]
    return (_row(record, parse) for record in records(path))


def _row(record: Record, parse: Callable[[Raw], Transcript]) -> Row:
    if record.raw is None:
        return Row(record.place, None, record.reason)
    try:
        return Row(record.place, parse(record.raw))
    except ValueError as error:
        return Row(record.place, None, str(error))


_PARSERS: Final[Mapping[str, Callable[[Raw], Transcript]]] = {
    "uniform": uniform.parse,
    "intercom": intercom.parse,
    "chatwoot": chatwoot.parse,
}
