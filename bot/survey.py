"""The survey of transcripts: how many there are, what is in them, and what models may learn from.

Keeps counts and digests, no text, so it stays small however long the files are. Names of people are not
looked for: only models find those. Knows no file and no database.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from nlp.language import SERVED, UNKNOWN, identify
from nlp.recognisers import recognise
from storage.transcripts.transcript import Said, Transcript

PERSONAL: Final = frozenset(
    "account_id address card email iban invoice_number order_id phone tracking_number".split()
)
"""Types of values that point to a person; an amount or a date does not."""
_SHORTEST: Final = 20
"""Characters that a conversation needs for there to be something to learn."""
_LISTED: Final = 50
"""Broken rows that are named; more are counted."""

Digest = bytes


class Spoken(Protocol):
    """What a digest needs of a turn, read or stored."""

    @property
    def role(self) -> str: ...
    @property
    def text(self) -> str: ...


def digest_of(turns: Iterable[Spoken]) -> Digest:
    """The same for conversations in which the same was said, whatever their ids and times."""
    said = hashlib.blake2b(digest_size=16)
    for turn in turns:
        text = turn.text.strip().encode("utf-8", "surrogatepass")
        said.update(f"{turn.role}:{len(text)}:".encode() + text)
    return said.digest()


@dataclass(slots=True)
class Survey:
    """The figures so far."""

    conversations: int = 0
    new: int = 0
    """Those that are not stored yet and have something in them."""
    turns: Counter[str] = field(default_factory=Counter)
    duplicates: Counter[str] = field(default_factory=Counter)
    personal: Counter[str] = field(default_factory=Counter)
    eligible: int = 0
    not_eligible: Counter[str] = field(default_factory=Counter)
    broken: int = 0
    broken_rows: list[dict[str, str]] = field(default_factory=list)
    imported: int = 0
    _ids: dict[Digest, Digest] = field(default_factory=dict)
    _texts: set[Digest] = field(default_factory=set)

    def add_broken(self, file: str, place: str, reason: str) -> None:
        """A row that holds no conversation."""
        self.broken += 1
        if len(self.broken_rows) < _LISTED:
            self.broken_rows.append({"file": file, "place": place, "reason": reason})

    def add(
        self, external_id: str, found: Transcript, there: Collection[str], stored: Collection[Digest]
    ) -> bool:
        """Count a conversation; whether it is new and has something in it, so that it is to be stored.

        `there` holds external ids that are stored, `stored` the digests of what is.
        """
        self.conversations += 1
        said = [turn for turn in found.turns if turn.text.strip()]
        self.turns.update("automatic" if turn.origin == "automatic" else turn.role for turn in said)
        entities = [[one for one in recognise(turn.text) if one.type in PERSONAL] for turn in said]
        self.personal.update(one.type for found_in in entities for one in found_in)
        copy = self._copy_of(external_id, said, there, stored) if said else None
        if copy is not None:
            self.duplicates[copy] += 1
        reason = "duplicate" if copy else _unfit(found, said)
        if reason is None:
            self.eligible += 1
        else:
            self.not_eligible[reason] += 1
        new = copy is None and bool(said)
        self.new += new
        return new

    def _copy_of(
        self, external_id: str, said: Sequence[Said], there: Collection[str], stored: Collection[Digest]
    ) -> str | None:
        """What this conversation repeats, if anything; the first of its kind is remembered."""
        name = hashlib.blake2b(external_id.encode("utf-8", "surrogatepass"), digest_size=16).digest()
        text = digest_of(said)
        before = self._ids.get(name)
        if before is not None:
            return "in_files_by_id" if before == text else "same_id_other_text"
        self._ids[name] = text
        ways = {
            "in_files_by_text": text in self._texts,
            "stored_by_id": external_id in there,
            "stored_by_text": text in stored,
        }
        self._texts.add(text)
        return next((way for way, met in ways.items() if met), None)

    def view(self) -> dict[str, Any]:
        """The figures as JSON knows them."""
        return {
            "conversations": self.conversations,
            "new": self.new,
            "turns": dict(self.turns),
            "duplicates": dict(self.duplicates),
            "personal_data": dict(self.personal.most_common()),
            "eligible": self.eligible,
            "not_eligible": dict(self.not_eligible.most_common()),
            "broken": {"count": self.broken, "rows": self.broken_rows},
        }


def _unfit(found: Transcript, said: Sequence[Said]) -> str | None:
    """Why models can't learn from a conversation; None where they can."""
    if found.meta.get("consent") is False:
        return "no_consent"
    if not said:
        return "empty"
    if not any(turn.role == "agent" and turn.origin != "automatic" for turn in said):
        return "no_agent_reply"
    if sum(len(turn.text) for turn in said) < _SHORTEST:
        return "too_short"
    asked = " ".join(turn.text for turn in said if turn.role == "customer")
    language, _ = identify(asked, recognise(asked[:1000]))
    return None if language in SERVED or language == UNKNOWN else "other_language"
