"""What storage raises. Knows no SQL error and no HTTP status: callers see only these.

StorageError
|-- NotFound                what the call names does not exist
|-- Conflict                what the call wants contradicts what is stored
|   |-- StaleSuggestion     the customer wrote again after the draft was made
|   |-- AlreadyDecided      somebody else decided this suggestion first
|   |-- TakenOver           a person owns the conversation, so the bot may not speak
|   `-- LastAdmin           without this admin nobody could let anybody in
|-- Invalid                 a value that can't be stored or read
|   |-- InvalidText         NUL, lone surrogate, or longer than its column
|   `-- InvalidCursor       a page cursor that we did not hand out
|-- ReadOnly                a write inside a read transaction: a bug in the caller
`-- Unavailable             nothing was committed, try again: locked, full, gone, closing
"""

from __future__ import annotations


class StorageError(Exception):
    """Root of the tree; never carries a customer's text."""


class NotFound(StorageError):
    """What the call names does not exist."""


class Conflict(StorageError):
    """What the call wants contradicts what is stored."""


class StaleSuggestion(Conflict):
    """The customer wrote again after the draft was made."""


class AlreadyDecided(Conflict):
    """Somebody else decided this suggestion first."""


class TakenOver(Conflict):
    """A person owns the conversation, so the bot may not speak in it."""


class LastAdmin(Conflict):
    """Without this admin nobody could let anybody in."""


class Invalid(StorageError):
    """A value that can't be stored or read."""


class InvalidText(Invalid):
    """Text with a NUL or a lone surrogate in it, or longer than its column."""


class InvalidCursor(Invalid):
    """A page cursor that we did not hand out."""


class ReadOnly(StorageError):
    """A write inside a read transaction: a bug in the caller."""


class Unavailable(StorageError):
    """Nothing was committed and trying again may help: locked, disk full, connection lost, closing."""
