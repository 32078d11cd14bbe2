"""Chatwoot's conversations with their messages. Knows no file.

A conversation has "id", "messages", "labels" and "meta" {"sender"}; messages have "content",
"message_type" (0 incoming, 1 outgoing, 2 activity, 3 template, or these words), "private", "sender" and
"created_at".
"""

from __future__ import annotations

from typing import Any, Final

from storage.transcripts.lines import Raw, kind_of, listed
from storage.transcripts.naming import id_of, known, named, person
from storage.transcripts.times import moment
from storage.transcripts.transcript import Said, Transcript

_WORDS: Final = ("incoming", "outgoing", "activity", "template")
_PEOPLE: Final = ("user", "contact")


def parse(raw: Raw) -> Transcript:
    """What the customer wrote and saw; raises ValueError with what is wrong with it."""
    messages = listed(raw, "messages")
    turns = tuple(turn for one in messages if (turn := _said(one)) is not None)
    return Transcript(id_of(raw, "id"), turns, _meta(raw, _customer(raw, messages)))


def _said(raw: Any) -> Said | None:
    if not isinstance(raw, dict):
        raise ValueError(f"every message must be an object, not {kind_of(raw)}")
    kind = _kind(raw.get("message_type"))
    text = str(raw.get("content") or "").strip()
    if kind == "activity" or raw.get("private") is True or not text:
        return None
    at = moment(raw.get("created_at"))
    if kind == "incoming":
        return Said("customer", text, at)
    by_person = kind == "outgoing" and person(raw, "sender").get("type", "user") in _PEOPLE
    return Said("agent", text, at, None if by_person else "automatic")


def _kind(given: Any) -> str:
    if isinstance(given, int) and not isinstance(given, bool) and 0 <= given < len(_WORDS):
        return _WORDS[given]
    if given in _WORDS:
        return str(given)
    raise ValueError('"message_type" must be 0 incoming, 1 outgoing, 2 activity or 3 template')


def _customer(raw: Raw, messages: list[Any]) -> Raw:
    """The contact of the conversation, or who sent its first incoming message."""
    incoming = (one for one in messages if _kind(one.get("message_type")) == "incoming")
    first = next((person(one, "sender") for one in incoming), {})
    return person(person(raw, "meta"), "sender") or first


def _meta(raw: Raw, customer: Raw) -> dict[str, Any]:
    return known(
        customer_name=customer.get("name"),
        customer_email=customer.get("email"),
        tags=named(raw.get("labels")),
    )
