"""Intercom's conversation exports: the source and the parts after it are a conversation. Knows no file.

A conversation has "id", "source" {"body", "author"}, "conversation_parts" {"conversation_parts": [...]},
or a bare list, and "tags"; parts have "part_type", "body", "author" {"type"} and "created_at".
"""

from __future__ import annotations

from typing import Any, Final

from storage.transcripts.lines import Raw, instead, kind_of
from storage.transcripts.markup import text_of
from storage.transcripts.naming import id_of, known, named, person
from storage.transcripts.times import moment
from storage.transcripts.transcript import Said, Speaker, Transcript

_SEEN: Final = frozenset({"comment", "open", "close"})
"""Parts whose body the customer sees; notes and assignments are for the desk alone."""
_ROLES: Final[dict[str, Speaker]] = {
    "user": "customer",
    "lead": "customer",
    "contact": "customer",
    "visitor": "customer",
    "admin": "agent",
    "team": "agent",
    "bot": "agent",
}


def parse(raw: Raw) -> Transcript:
    """The source and the parts that the customer saw; raises ValueError with what is wrong."""
    source = person(raw, "source")
    opening = {"created_at": raw.get("created_at"), **source, "part_type": "comment"}
    found = (_said(one) for one in (opening, *_parts(raw)))
    turns = tuple(turn for turn in found if turn is not None)
    return Transcript(id_of(raw, "id"), turns, _meta(raw, _customer(raw, source)))


def _parts(raw: Raw) -> list[Any]:
    held = raw.get("conversation_parts")
    inner = held.get("conversation_parts") if isinstance(held, dict) else held
    if not isinstance(inner, list):
        raise ValueError(f'a list "conversation_parts" was expected, {instead(raw, "conversation_parts")}')
    return inner


def _said(raw: Any) -> Said | None:
    if not isinstance(raw, dict):
        raise ValueError(f"every part must be an object, not {kind_of(raw)}")
    text = text_of(str(raw.get("body") or ""))
    if raw.get("part_type") not in _SEEN or raw.get("redacted") is True or not text:
        return None
    kind = str(person(raw, "author").get("type"))
    if kind not in _ROLES:
        raise ValueError(f"an author's type must be one of {', '.join(_ROLES)}, not {kind[:40]!r}")
    origin = "automatic" if kind == "bot" else None
    return Said(_ROLES[kind], text, moment(raw.get("created_at")), origin)


def _customer(raw: Raw, source: Raw) -> Raw:
    """Who wrote as a customer: the source's author, or the first of the parts' authors who did."""
    authors = [person(one, "author") for one in (source, *_parts(raw)) if isinstance(one, dict)]
    return next((one for one in authors if _ROLES.get(str(one.get("type"))) == "customer"), {})


def _meta(raw: Raw, customer: Raw) -> dict[str, Any]:
    return known(
        customer_name=customer.get("name"),
        customer_email=customer.get("email"),
        tags=named(person(raw, "tags").get("tags")),
    )
