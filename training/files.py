"""Data files in the uniform format: JSON lines, plain or gzip, read one at a time, every row checked.

Knows the form of a row and says of a bad one where it is and what to do. Knows no model.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import random
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar, cast

from nlp.types import Role, Turn

MACHINES = ("accepted", "automatic")
"""Origins of an agent's turn that a machine has written; "person" and "edited" are the others."""

T = TypeVar("T")
Raw = dict[str, Any]


class BadFile(ValueError):
    """A data file can't be used; the message names the file, the line and the reason."""


@dataclass(frozen=True, slots=True)
class LabelledText:
    """A text and its label, as the file has it."""

    text: str
    label: str


@dataclass(frozen=True, slots=True)
class TaggedTokens:
    """Tokens with BIO tags; `text` is the raw text where the file has it."""

    tokens: tuple[str, ...]
    tags: tuple[str, ...]
    text: str | None


@dataclass(frozen=True, slots=True)
class Conversation:
    """A conversation, oldest turn first."""

    id: str
    turns: tuple[Turn, ...]
    ended: str = ""
    """Time of its last turn, ISO 8601, UTC; empty where the file has none."""
    echoes: tuple[int, ...] = ()
    """Agent turns that a machine wrote and an agent accepted as they were."""
    authors: frozenset[str] = frozenset()
    """Who took part, where the file says: "customer:ID" and "agent:ID"."""


def raw_rows(path: Path) -> Iterator[tuple[int, Raw]]:
    """(line number, object) of each line that is not blank; raises BadFile."""
    number = 0
    try:
        opened = gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb")  # noqa: SIM115
        with opened as lines:
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    yield number, _object(path, number, line)
    except (OSError, EOFError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise BadFile(f"{path.name}: can't be read after line {number} ({reason})") from error


def _object(path: Path, number: int, line: bytes) -> Raw:
    try:
        raw = json.loads(line.decode("utf-8-sig" if number == 1 else "utf-8"))
    except UnicodeDecodeError as error:
        raise BadFile(f"{path.name} line {number}: not UTF-8; save the file as UTF-8") from error
    except (ValueError, RecursionError) as error:
        raise BadFile(f"{path.name} line {number}: not JSON; each line must be one JSON object") from error
    if not isinstance(raw, dict):
        raise BadFile(f"{path.name} line {number}: a JSON object was expected, not {_name(raw)}")
    return raw


def rows(path: Path, parse: Callable[[Raw], T]) -> Iterator[T]:
    """Each row through `parse`, whose ValueError says what is wrong with it; raises BadFile."""
    for number, raw in raw_rows(path):
        try:
            yield parse(raw)
        except ValueError as error:
            raise BadFile(f"{path.name} line {number}: {error}") from error


def sha256(path: Path) -> str:
    """SHA-256 of a file's bytes; raises BadFile."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise BadFile(f"{path.name}: can't be read ({error.strerror})") from error


def some(found: Iterable[T], limit: int | None, seed: int) -> list[T]:
    """All rows, or `limit` of them drawn by the seed, in the order of the file."""
    if limit is None:
        return list(found)
    rng = random.Random(seed)
    kept: list[tuple[int, T]] = []
    for at, row in enumerate(found):
        if at < limit:
            kept.append((at, row))
        elif (place := rng.randrange(at + 1)) < limit:
            kept[place] = (at, row)
    return [row for _, row in sorted(kept, key=lambda pair: pair[0])]


def held_out(text: str, share: float) -> bool:
    """Whether a text is among the `share` that is never trained on: told by the text alone.

    So it stays held out wherever it occurs again, however often and in whatever case.
    """
    return zlib.crc32(" ".join(text.lower().split()).encode("utf-8", "surrogatepass")) % 1000 < share * 1000


def sentiment_row(raw: Raw) -> LabelledText:
    """{"text", "label"}"""
    return LabelledText(_string(raw, "text"), _string(raw, "label"))


def intent_row(raw: Raw) -> LabelledText:
    """{"text", "intent"}"""
    return LabelledText(_string(raw, "text"), _string(raw, "intent"))


def tagged_row(raw: Raw) -> TaggedTokens:
    """{"tokens", "tags", "text"?}"""
    tokens, tags = _strings(raw, "tokens"), _strings(raw, "tags")
    if len(tokens) != len(tags):
        raise ValueError(f"{len(tokens)} tokens but {len(tags)} tags; each token needs one tag")
    for tag in tags:
        if tag != "O" and (tag[:2] not in ("B-", "I-") or len(tag) < 3):
            raise ValueError(f"tag {tag[:40]!r} is not BIO: O, B-name or I-name were expected")
    text = raw.get("text")
    if text is not None and not isinstance(text, str):
        raise ValueError(f'"text" must be a string, not {_name(text)}')
    return TaggedTokens(tokens, tags, text)


def conversation_row(raw: Raw) -> Conversation:
    """{"conversation_id", "turns": [{"role": "customer"|"agent", "text"}]}"""
    turns = raw.get("turns")
    if not isinstance(turns, list) or not turns:
        raise ValueError('"turns" must be a list of {"role", "text"}, with one at least')
    found: list[Turn] = []
    for turn in turns:
        if not isinstance(turn, dict) or turn.get("role") not in ("customer", "agent"):
            raise ValueError('every turn needs a "role" that is "customer" or "agent"')
        found.append(Turn(cast(Role, turn["role"]), _string(turn, "text")))
    echoes = tuple(at for at, turn in enumerate(turns) if turn.get("origin") in MACHINES)
    return Conversation(
        _string(raw, "conversation_id"), tuple(found), _time(turns[-1]), echoes, _authors(raw)
    )


def _authors(raw: Raw) -> frozenset[str]:
    """Who took part, by what an export says of it."""
    meta = raw.get("meta")
    customer = meta.get("customer") if isinstance(meta, dict) else None
    agents = {turn["author"] for turn in raw["turns"] if isinstance(turn.get("author"), str)}
    named = {f"agent:{one}" for one in agents}
    return frozenset(named | {f"customer:{customer}"} if isinstance(customer, str) else named)


def _time(turn: Raw) -> str:
    """The time of a turn in UTC, so that texts sort as times do; raises ValueError."""
    given = turn.get("at")
    if given is None:
        return ""
    try:
        time = datetime.fromisoformat(given)
    except (TypeError, ValueError):
        raise ValueError(
            f'"at" must be a time such as 2026-11-29T08:30:00Z, not {str(given)[:40]!r}'
        ) from None
    return time.replace(tzinfo=time.tzinfo or UTC).astimezone(UTC).isoformat(timespec="microseconds")


def _string(raw: Raw, key: str) -> str:
    value = raw.get(key)
    if not isinstance(value, str):
        given = f"not {_name(value)}" if key in raw else f"which is missing (there are: {_keys(raw)})"
        raise ValueError(f'a string "{key}" was expected, {given}')
    return value


def _strings(raw: Raw, key: str) -> tuple[str, ...]:
    value = raw.get(key)
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        given = f"not {_name(value)}" if key in raw else f"which is missing (there are: {_keys(raw)})"
        raise ValueError(f'a list of strings "{key}" was expected, {given}')
    return tuple(value)


def _keys(raw: Raw) -> str:
    return ", ".join(sorted(raw)[:6])[:120] or "none"


def _name(value: object) -> str:
    names = {dict: "an object", list: "a list", str: "a string", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")
