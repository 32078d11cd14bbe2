"""Zendesk's ticket exports: a ticket with its comments is a conversation. Knows no file.

Tickets have "id", "requester_id" or "requester", "tags", "comments" or, without them, "description";
comments have "author_id", "public", "created_at" and "plain_body", "body" or "html_body".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from storage.transcripts.lines import Raw, instead, listed
from storage.transcripts.markup import text_of
from storage.transcripts.naming import id_of, known, named, person
from storage.transcripts.times import moment
from storage.transcripts.transcript import Said, Speaker, Transcript

Users = Mapping[str, Raw]
"""The people that the export lists, by id."""


def by_id(users: Iterable[Raw]) -> dict[str, Raw]:
    """Users with an id; of each only what a conversation needs."""
    kept = ("id", "role", "name", "email", "locale")
    return {str(one["id"]): {key: one.get(key) for key in kept} for one in users if "id" in one}


def parse(raw: Raw, users: Users) -> Transcript:
    """The ticket's public comments; raises ValueError with what is wrong with it."""
    ticket_id = id_of(raw, "id")
    requester = str(raw.get("requester_id") or person(raw, "requester").get("id") or "")
    if "comments" in raw:
        comments = listed(raw, "comments")
    elif isinstance(raw.get("description"), str):
        opening = {"author_id": requester, "body": raw["description"], "created_at": raw.get("created_at")}
        comments = [opening]
    else:
        raise ValueError(f'a list "comments" was expected, {instead(raw, "comments")}')
    turns = tuple(turn for one in comments if (turn := _said(one, requester, users)) is not None)
    listed_as = users.get(requester, {})
    asked = {key: value for key, value in person(raw, "requester").items() if value}
    return Transcript(ticket_id, turns, _meta(raw, {**listed_as, **asked}))


def _said(raw: Any, requester: str, users: Users) -> Said | None:
    if not isinstance(raw, dict):
        raise ValueError("every comment must be an object")
    if raw.get("public") is False:
        return None
    text = str(raw.get("plain_body") or raw.get("body") or "").replace("\xa0", " ").strip()
    text = text or text_of(str(raw.get("html_body") or ""))
    if not text:
        return None
    return Said(_role(str(raw.get("author_id") or ""), requester, users), text, moment(raw.get("created_at")))


def _role(author: str, requester: str, users: Users) -> Speaker:
    """The requester and listed end users are customers; whoever else wrote works for the desk."""
    listed_as = users.get(author, {}).get("role")
    if listed_as is not None:
        return "customer" if listed_as == "end-user" else "agent"
    if not author or not requester:
        raise ValueError('a comment without "author_id", or a ticket without "requester_id": who wrote what?')
    return "customer" if author == requester else "agent"


def _meta(raw: Raw, requester: Raw) -> dict[str, Any]:
    return known(
        customer_name=requester.get("name"),
        customer_email=requester.get("email"),
        locale=requester.get("locale"),
        tags=named(raw.get("tags")),
    )
