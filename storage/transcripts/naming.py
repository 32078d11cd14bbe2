"""Ids, people and tags as the exports of several desks write them. Knows no desk."""

from __future__ import annotations

from typing import Any

from storage.transcripts.lines import Raw, instead


def id_of(raw: Raw, key: str) -> str:
    """An id that is a number or a string; raises ValueError."""
    value = raw.get(key)
    if isinstance(value, bool) or not isinstance(value, int | str) or value == "":
        raise ValueError(f'an id "{key}" was expected, {instead(raw, key)}')
    return str(value)


def person(raw: Raw, key: str) -> Raw:
    """The object that describes somebody, empty where there is none."""
    value = raw.get(key)
    return value if isinstance(value, dict) else {}


def named(tags: Any) -> list[str]:
    """Tags that are strings, or objects with a name."""
    found = tags if isinstance(tags, list) else []
    names = (one.get("name") if isinstance(one, dict) else one for one in found)
    return [name for name in names if isinstance(name, str) and name]


def known(**meta: Any) -> dict[str, Any]:
    """What there is of a conversation's meta; everything but tags and consent as strings."""
    return {
        key: value if isinstance(value, list | bool) else str(value)
        for key, value in meta.items()
        if value not in (None, "", [])
    }
