"""Data files in the uniform format: JSON lines, plain or gzip, read one at a time, every row checked.

Knows the form of a row and says of a bad one where it is and what to do. Knows no model.
"""

from __future__ import annotations

import hashlib
import random
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from nlp.types import Turn
from storage.transcripts import uniform
from storage.transcripts.lines import BadFile as BadFile
from storage.transcripts.lines import Raw as Raw
from storage.transcripts.lines import instead, kind_of, string
from storage.transcripts.lines import raw_rows as raw_rows
from storage.transcripts.transcript import Drafted as Drafted
from storage.transcripts.transcript import Transcript

T = TypeVar("T")


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
    origins: tuple[str, ...] = ()
    """How each turn was written ("person", "edited", "accepted", "automatic"; "" where nobody says); may be
    empty."""
    authors: frozenset[str] = frozenset()
    """Who took part, where the file says: "customer:ID" and "agent:ID"."""
    drafts: tuple[tuple[Drafted, ...], ...] = ()
    """What lay before the agent at each turn; may be empty."""

    def written(self, origin: str) -> frozenset[int]:
        """The turns that were written so."""
        return frozenset(at for at, one in enumerate(self.origins) if one == origin)

    def only(self, turns: Iterable[tuple[int, Turn]]) -> Conversation:
        """The same with these turns, each given with its present place."""
        kept = list(turns)
        origins = tuple(self.origins[at] for at, _ in kept) if self.origins else ()
        drafts = tuple(self.drafts[at] for at, _ in kept) if self.drafts else ()
        return replace(self, turns=tuple(turn for _, turn in kept), origins=origins, drafts=drafts)


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
    return LabelledText(string(raw, "text"), string(raw, "label"))


def intent_row(raw: Raw) -> LabelledText:
    """{"text", "intent"}"""
    return LabelledText(string(raw, "text"), string(raw, "intent"))


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
        raise ValueError(f'"text" must be a string, not {kind_of(text)}')
    return TaggedTokens(tokens, tags, text)


def conversation_row(raw: Raw) -> Conversation:
    """{"conversation_id", "turns": [{"role": "customer"|"agent", "text"}]}"""
    found = uniform.parse(raw)
    ended = found.turns[-1].at
    return Conversation(
        id=found.id,
        turns=tuple(Turn(turn.role, turn.text) for turn in found.turns),
        # so written, texts sort as times do
        ended="" if ended is None else ended.isoformat(timespec="microseconds"),
        origins=tuple(turn.origin or "" for turn in found.turns),
        authors=_authors(found),
        drafts=tuple(turn.drafts for turn in found.turns),
    )


def _authors(found: Transcript) -> frozenset[str]:
    """Who took part, by what an export says of it."""
    customer = found.meta.get("customer")
    named = {f"agent:{turn.author}" for turn in found.turns if turn.author is not None}
    return frozenset(named | {f"customer:{customer}"} if isinstance(customer, str) else named)


def _strings(raw: Raw, key: str) -> tuple[str, ...]:
    value = raw.get(key)
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise ValueError(f'a list of strings "{key}" was expected, {instead(raw, key)}')
    return tuple(value)
