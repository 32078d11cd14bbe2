"""What the commands have in common: options, lines of progress, figures as text, errors in one line."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from bot.failure import Failure
from nlp.errors import NlpError
from storage.transcripts.lines import BadFile

_PAUSE = 0.5
"""Seconds between two lines of progress."""


def add_common(command: argparse.ArgumentParser, *, seed: bool = True) -> None:
    """The options that nearly every command has."""
    if seed:
        command.add_argument("--seed", type=int, default=17)
    command.add_argument("--data-dir", dest="data_dir", help="folder of all state")
    command.add_argument("--json", action="store_true", help="print one JSON object")


@contextmanager
def failing() -> Iterator[None]:
    """What the models and data files complain of becomes the command's one line."""
    try:
        yield
    except (NlpError, BadFile) as error:
        raise Failure(str(error)) from error


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

    def counted(self, done: int) -> None:
        """Progress towards an end that nobody knows."""
        now = time.monotonic()
        if now - self._last >= _PAUSE:
            self._last = now
            print(f"{self._what}: {done:,}", file=sys.stderr)

    def work(self, what: str, done: int, total: int) -> None:
        now = time.monotonic()
        if what != self._what:
            self._what, self._began = what, now
        elif now - self._last < _PAUSE and done < total:
            return
        self._last = now
        left = (now - self._began) / done * (total - done) if done else 0.0
        remaining = f", about {left:.0f} s left" if left >= 1 else ""
        print(f"{what}: {done:,} of {total:,}{remaining}", file=sys.stderr)


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
