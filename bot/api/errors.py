"""What can go wrong at the door, and the one place that turns it into a problem document (RFC 9457).

    Problem (500)
    ├── BadRequest (400)            the body isn't JSON
    ├── Unauthenticated (401)       no valid token or session
    ├── Forbidden (403)             signed in, but not for this; also a foreign origin
    │   └── PasswordGiven           nothing works until the given password is changed
    ├── NotFound (404)              none, or not yours: the same answer
    ├── MethodNotAllowed (405)
    ├── Conflict (409)
    │   ├── StaleSuggestion         the customer has written since
    │   └── AlreadyDecided          a colleague was quicker
    ├── BodyTooSlow (408), BodyTooLarge (413), NotJson (415)
    ├── Invalid (422)               JSON, but not what the route takes
    ├── TooMany (429)
    ├── NotReady (503)
    └── NoRoom (507)                the disk is full

A problem document never repeats what the caller sent. Knows no route and no database row.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from aiohttp import web
from pydantic import ValidationError

from storage import errors as stored

CONTENT_TYPE = "application/problem+json"


@dataclass(eq=False)
class Problem(Exception):
    """An answer that is an error; `detail` is our own sentence and never quotes input."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal"
    title: ClassVar[str] = "Something went wrong on our side"

    detail: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    errors: tuple[Mapping[str, str], ...] = ()

    def document(self) -> dict[str, Any]:
        """The RFC 9457 members, with `code` (short name) and `errors` (fields) as extensions."""
        said: dict[str, Any] = {
            "type": f"urn:deskhand:problem:{self.code}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail or self.title,
            "code": self.code,
        }
        if self.errors:
            said["errors"] = [dict(error) for error in self.errors]
        return said

    def response(self) -> web.Response:
        """The document as an HTTP answer that no cache keeps."""
        headers = {"Cache-Control": "no-store", **self.headers}
        body = json.dumps(self.document()).encode()
        return web.Response(status=self.status, body=body, content_type=CONTENT_TYPE, headers=headers)


class BadRequest(Problem):
    """The request can't be read at all."""

    status, code, title = 400, "bad-request", "The request could not be read"


class Unauthenticated(Problem):
    """No valid token or session came with the request."""

    status, code, title = 401, "unauthenticated", "Sign in first"


class Forbidden(Problem):
    """The caller is known, or came from elsewhere, and may not do this."""

    status, code, title = 403, "forbidden", "This is not allowed"


class PasswordGiven(Forbidden):
    """The account still has the password that somebody else chose for it."""

    code, title = "password-given", "Choose a password of your own first"


class NotFound(Problem):
    """There is no such thing, or it belongs to somebody else; the two look alike."""

    status, code, title = 404, "not-found", "There is no such thing here"


class MethodNotAllowed(Problem):
    """The path exists, the method doesn't."""

    status, code, title = 405, "method-not-allowed", "This method is not allowed here"


class BodyTooSlow(Problem):
    """The body did not arrive in time."""

    status, code, title = 408, "body-too-slow", "The request body took too long"


class Conflict(Problem):
    """The request contradicts what is stored."""

    status, code, title = 409, "conflict", "This contradicts what is stored"


class StaleSuggestion(Conflict):
    """The suggestion was made before the customer's latest message."""

    code, title = "stale-suggestion", "The customer has written since this suggestion was made"


class AlreadyDecided(Conflict):
    """Somebody has already sent or rejected this suggestion."""

    code, title = "already-decided", "This suggestion has already been decided"


class BodyTooLarge(Problem):
    """The body is over the limit."""

    status, code, title = 413, "body-too-large", "The request body is too large"


class NotJson(Problem):
    """The body is of another type or compressed."""

    status, code, title = 415, "not-json", "Send an uncompressed application/json body"


class Invalid(Problem):
    """The body or the query is JSON of the wrong shape; `errors` names the fields."""

    status, code, title = 422, "invalid", "Some values are missing or wrong"


class TooMany(Problem):
    """A rate limit; `Retry-After` says when to come back."""

    status, code, title = 429, "too-many", "Too many requests"


class NotReady(Problem):
    """The database or the models aren't there at the moment."""

    status, code, title = 503, "not-ready", "Not ready, try again soon"


class NoRoom(Problem):
    """What was sent can't be kept: the disk is full, or would be."""

    status, code, title = 507, "no-room", "There is no room on the server's disk for this"


_BY_STATUS: dict[int, type[Problem]] = {
    kind.status: kind
    for kind in (BadRequest, Unauthenticated, Forbidden, NotFound, MethodNotAllowed, BodyTooSlow, Conflict)
} | {kind.status: kind for kind in (BodyTooLarge, NotJson, Invalid, TooMany, NotReady)}

# Our own sentences by pydantic error type: pydantic's may quote the input.
_SENTENCES = {
    "missing": "This field is required.",
    "extra_forbidden": "There is an unknown field.",
    "string_too_short": "This is too short.",
    "string_too_long": "This is too long.",
    "literal_error": "This is not one of the allowed values.",
    "uuid_parsing": "This is not a UUID.",
    "uuid_type": "This is not a UUID.",
    "greater_than_equal": "This is too small.",
    "less_than_equal": "This is too large.",
}


def from_validation(error: ValidationError, known: Iterable[str]) -> Problem:
    """Name the fields that are wrong; `known` are the names we may repeat, being our own."""
    allowed = set(known)
    found: list[Mapping[str, str]] = []
    for item in error.errors(include_url=False, include_input=False, include_context=False):
        if item["type"] == "json_invalid":
            return BadRequest("The body is not valid JSON.")
        path = [str(part) for part in item["loc"] if isinstance(part, int) or part in allowed]
        sentence = _SENTENCES.get(item["type"], "This value has the wrong type or form.")
        found.append({"pointer": "".join(f"/{part}" for part in path), "detail": sentence})
    return Invalid("Some values are missing or wrong.", errors=tuple(found[:20]))


def from_storage(error: stored.StorageError) -> Problem:
    """The answer for what storage refused."""
    match error:
        case stored.StaleSuggestion():
            return StaleSuggestion()
        case stored.AlreadyDecided():
            return AlreadyDecided()
        case stored.NotFound():
            return NotFound()
        case stored.Conflict():
            return Conflict()
        case stored.Invalid():
            return Invalid()
        case stored.Unavailable():
            return NotReady("The database is not available at the moment.", headers={"Retry-After": "2"})
        case _:
            return Problem()


def from_http(error: web.HTTPException) -> Problem:
    """The answer for what aiohttp itself refused (no such path, wrong method, body over the limit)."""
    kind = _BY_STATUS.get(error.status)
    if kind is None:
        return BadRequest() if error.status < 500 else Problem()
    allow = error.headers.get("Allow")
    return kind(headers={"Allow": allow} if allow else {})
