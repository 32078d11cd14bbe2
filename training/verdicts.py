"""Verdicts: would an agent send this candidate unchanged? Given by people, kept in files, learned from.

Knows the file format and templates; knows no model.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from nlp import slots
from nlp.context import Turns
from nlp.types import Role


@dataclass(frozen=True, slots=True)
class Verdict:
    """A candidate behind a conversation, and whether a person would have sent it unchanged."""

    moment: str
    """Which moment of which conversation, such as "order_status-11/3"."""
    turns: Turns
    reply: str
    send: bool


def read_verdicts(folder: Path) -> Iterator[Verdict]:
    """All verdicts below `folder` (JSON lines), in name order.

    A line is {"moment", "turns": [customer, agent, ..., customer], "replies": [...], "send": "0110..."}, one
    sign for each reply; texts in the form of the written corpus. Raises ValueError with file and line.
    """
    for path in sorted(folder.glob("*.jsonl")):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            try:
                raw = json.loads(line)
                turns = spoken_by([slots.from_braces(text) for text in raw["turns"]])
                if not set(raw["send"]) <= {"0", "1"}:
                    raise ValueError('"send" holds other signs than 0 and 1')
                for reply, sign in zip(raw["replies"], raw["send"], strict=True):
                    yield Verdict(raw["moment"], turns, slots.from_braces(reply), sign == "1")
            except (KeyError, TypeError, ValueError) as error:
                raise ValueError(f"{path.name} line {number}: not a verdict ({error!r})") from error


def spoken_by(texts: Sequence[str]) -> tuple[tuple[Role, str], ...]:
    """Texts that end with the customer's newest, each with who said it."""
    return tuple(("customer" if (len(texts) - at) % 2 else "agent", text) for at, text in enumerate(texts))
