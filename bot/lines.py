"""What the commands have in common: lines of progress, figures as text, numbers from the command line."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping
from typing import Any

_PAUSE = 0.5
"""Seconds between two lines of progress."""


def positive(text: str) -> int:
    """A whole number of 1 or more, as `type` of an argument."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("a number of 1 or more was expected")
    return number


class Progress:
    """Lines of progress on stderr, not more often than a person reads."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._began = self._last = time.monotonic()

    def rows(self, done: int, total: int) -> None:
        self.work(self._what, done, total)

    def work(self, what: str, done: int, total: int) -> None:
        now = time.monotonic()
        if what != self._what:
            self._what, self._began = what, now
        elif now - self._last < _PAUSE and done < total:
            return
        self._last = now
        left = (now - self._began) / done * (total - done) if done else 0.0
        remaining = f", about {left:.0f} s left" if left >= 1 else ""
        print(f"{what}: {done:,} of {total:,}{remaining}", file=sys.stderr)  # noqa: T201 - a command talks


def indented(block: Mapping[str, Any], margin: str) -> list[str]:
    """A block of figures, inner blocks indented."""
    out: list[str] = []
    for name, value in block.items():
        if isinstance(value, Mapping):
            out += [f"{margin}{name}:", *indented(value, margin + "  ")] if value else []
        else:
            out.append(f"{margin}{name}: {_shown(value)}")
    return out


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4f}" if abs(value) < 1000 else f"{value:,.0f}"
    if isinstance(value, list | tuple):
        return " to ".join(map(_shown, value)) if _is_interval(value) else ", ".join(map(_shown, value))
    return str(value)


def _is_interval(value: Any) -> bool:
    return isinstance(value, tuple) and len(value) == 2
