"""The nouns of transcripts: a conversation of another desk, its turns, and a row that may hold one.

Knows no file and no format.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

Speaker = Literal["customer", "agent"]


@dataclass(frozen=True, slots=True)
class Drafted:
    """A draft that the agent had before them when they wrote, by its place, and what became of it."""

    text: str
    outcome: str
    """"accepted", "edited", "rejected" or "ignored"."""


@dataclass(frozen=True, slots=True)
class Said:
    """One turn, as text. `at` is aware and UTC where it is known."""

    role: Speaker
    text: str
    at: datetime | None = None
    origin: str | None = None
    """How an agent's turn was written: "person", "edited", "accepted" or "automatic"; None: not known."""
    author: str | None = None
    drafts: tuple[Drafted, ...] = ()
    """Those that were decided by this agent's turn, the best first; of most turns nobody knows any."""


@dataclass(frozen=True, slots=True)
class Transcript:
    """A conversation, oldest turn first; without turns where there was nothing that a customer saw.

    `meta` may hold customer_name, customer_email, locale, tags and consent, and more that its desk knew.
    """

    id: str
    turns: tuple[Said, ...]
    meta: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a file: `place` says where ("line 12"); without a transcript, `reason` says why."""

    place: str
    transcript: Transcript | None
    reason: str = ""
