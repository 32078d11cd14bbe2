"""What versions and the index cache keep of conversations, by their names, and how they forget them.

A conversation's name is its id in the log, or the digest of what was said in it where it came from a file.
Weights can't forget: a version that was trained on what is to be forgotten is tainted, with all that were
made from it, and what it remembers in files is taken out at once. Knows files; knows no database.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from nlp import matcher, memory
from nlp.registry import STARTER, Registry, Version, write_note
from nlp.types import Turn

CONVERSATIONS = "conversations.json"
"""In a version's memory: digests of the conversations that it was trained on."""
SOURCES = "sources.json"
"""In a version's memory: ids of the logged conversations that it was trained on."""
UNFINISHED = "forgetting.json"
"""Beside the versions while one of them is being changed: what is to be forgotten."""


def digest(turns: Iterable[Turn]) -> str:
    """A conversation's name by what was said in it."""
    said = json.dumps([(turn.role, turn.text) for turn in turns])
    return hashlib.sha256(said.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def trained_on(version: Version) -> frozenset[str]:
    """Names of the conversations that a version was trained on; none for the starter."""
    notes = [version.memory / name for name in (CONVERSATIONS, SOURCES)]
    return frozenset(name for note in notes if note.exists() for name in json.loads(note.read_text()))


def forget_cache(folder: Path, names: Collection[str]) -> None:
    """Take what came of these replies or conversations out of a folder that keeps an index."""
    matcher.forget(folder, frozenset(memory.forget(folder, names)))


def forget(models: Path, names: Collection[str]) -> list[str]:
    """Make the versions below a folder forget conversations; the tainted ones of them.

    A call that was killed is finished by the next one, whatever that is to forget. Raises RegistryError for a
    version that is not whole.
    """
    registry, note = Registry(models), models / UNFINISHED
    begun = json.loads(note.read_text()) if note.exists() else {"names": [], "versions": []}
    wanted = {*names, *begun["names"]}
    published = {name: registry.unverified(name) for name in registry.names() if name != STARTER}
    holders = {name for name, version in published.items() if not trained_on(version).isdisjoint(wanted)}
    holders |= published.keys() & set(begun["versions"])
    if not holders:
        note.unlink(missing_ok=True)
        return []
    tainted = _with_heirs(holders, published)
    registry.taint(tainted)
    write_note(note, {"names": sorted(wanted), "versions": sorted(holders)})
    for name in holders:
        _clean(published[name], wanted)
        registry.memory_changed(name)
    note.unlink()
    return sorted(tainted)


def _with_heirs(names: Collection[str], published: Mapping[str, Version]) -> set[str]:
    """These versions, those that were made from them, and from those."""
    found = set(names)
    while heirs := {name for name, one in published.items() if one.parent in found} - found:
        found |= heirs
    return found


def _clean(version: Version, names: Collection[str]) -> None:
    """Change the files of a version's memory."""
    forget_cache(version.memory, names)
    for note in (version.memory / CONVERSATIONS, version.memory / SOURCES):
        if note.exists():
            write_note(note, [name for name in json.loads(note.read_text()) if name not in names])
