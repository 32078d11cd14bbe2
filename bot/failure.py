"""The one exception that a command ends with: a clear line for the person at the terminal."""

from __future__ import annotations


class Failure(Exception):
    """The command can't do it; the message says why and what to try, in one line."""
