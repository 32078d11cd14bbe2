"""The table of routes: what each takes, answers and who may call it, and the one way a call is served.

The same rows register on aiohttp, check every call, make /openapi.json and drive the tests. Knows no
conversation, no database and no page.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Generic, Literal, NoReturn, TypeVar
from uuid import UUID

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bot.api import errors
from bot.api.callers import Access, Caller, admit
from storage.records import Account, Customer, SignInSession

Method = Literal["GET", "POST", "PUT", "DELETE"]
BODY_SECONDS = 10
"""A body that takes longer to arrive is given up: a dripped one would hold its socket for ever."""

SafeStr = Annotated[str, Field(pattern=r"^[^\x00]*$")]
"""A text without NUL, which PostgreSQL refuses; pydantic's JSON reader refuses lone surrogates."""
MessageText = Annotated[str, Field(min_length=1, max_length=8000, pattern=r"^[^\x00]*[^\x00\s][^\x00]*$")]
"""What a person may send: 1 to 8,000 characters, not only spaces."""
ClientMsgId = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9._:-]+$")]
"""The sender's own id of a message, at best a UUID."""
Uuid = Annotated[UUID, Field(strict=False)]
"""A UUID in a body or a frame, where JSON has it as text."""


class Body(BaseModel):
    """Base of what we take: no unknown fields and no conversion of types."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Query(BaseModel):
    """Base of query strings: no unknown names; the texts are converted."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Shape(BaseModel):
    """Base of what we answer, checked in the tests and published in /openapi.json."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    media: ClassVar[str] = "application/json"
    """Of the answer; of "application/x-ndjson" the shape is one line."""


class NoBody(Body):
    """Nothing, or an empty object."""


class NoQuery(Query):
    """No query string."""


B = TypeVar("B", bound=BaseModel)
Q = TypeVar("Q", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Call(Generic[B, Q]):
    """One request after every check: who calls, and what with."""

    request: web.Request
    body: B
    query: Q
    caller: Caller

    def id(self, name: str = "id") -> UUID:
        """A UUID from the path; what is none of ours is not found."""
        try:
            return UUID(self.request.match_info[name])
        except ValueError:
            raise errors.NotFound() from None

    @property
    def customer(self) -> Customer:
        """The customer who calls; only on routes with access "customer"."""
        return self.caller.customer or _not_on_this_route()

    @property
    def account(self) -> Account:
        """The signed-in account; only on routes with roles."""
        return self.caller.account or _not_on_this_route()

    @property
    def session(self) -> SignInSession:
        """The sign-in of `account`."""
        return self.caller.session or _not_on_this_route()


def _not_on_this_route() -> NoReturn:
    raise RuntimeError("the route's access does not provide this")


Handler = Callable[[Call[B, Q]], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Route:
    """One row of the table. `problems` are the error statuses beyond those that its parts imply."""

    method: Method
    path: str
    access: Access
    summary: str
    handler: Callable[[Call[Any, Any]], Awaitable[web.StreamResponse]]
    body: type[BaseModel]
    query: type[BaseModel]
    responses: Mapping[int, type[BaseModel] | None]
    problems: tuple[int, ...] = ()
    commands: Any = None
    """For a WebSocket: the union of the frames that it takes."""
    events: Any = None
    """For a WebSocket: the union of the frames that it sends."""
    raw: bool = False
    """Whether the body is a file, which the handler reads from the request as it comes."""

    @property
    def socket(self) -> bool:
        """Whether this is a WebSocket."""
        return self.commands is not None

    @property
    def has_body(self) -> bool:
        """Whether a request body is read."""
        return self.body is not NoBody

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Check who calls and what with, then hand over; raises Problem."""
        caller = await admit(request, self.access, socket=self.socket)
        query = _validated_query(self.query, request)
        body = NoBody() if self.raw else await _validated_body(self.body, request)
        return await self.handler(Call(request, body, query, caller))


class Routes:
    """Collects rows; each module of the api has one, and the composition root joins them."""

    def __init__(self, rows: Iterable[Route] = ()) -> None:
        self._rows: list[Route] = list(rows)

    def __iter__(self) -> Iterator[Route]:
        return iter(self._rows)

    def route(
        self,
        method: Method,
        path: str,
        *,
        access: Access,
        summary: str,
        body: type[B] = NoBody,  # type: ignore[assignment]  # a default for a type variable
        query: type[Q] = NoQuery,  # type: ignore[assignment]
        responses: Mapping[int, type[BaseModel] | None],
        problems: tuple[int, ...] = (),
        raw: bool = False,
    ) -> Callable[[Handler[B, Q]], Handler[B, Q]]:
        """Add the decorated handler to the table."""

        def add(handler: Handler[B, Q]) -> Handler[B, Q]:
            row = Route(method, path, access, summary, handler, body, query, responses, problems, raw=raw)
            self._rows.append(row)
            return handler

        return add

    def socket(
        self, path: str, *, access: Access, summary: str, commands: Any, events: Any
    ) -> Callable[[Handler[NoBody, NoQuery]], Handler[NoBody, NoQuery]]:
        """Add the decorated handler as a WebSocket."""

        def add(handler: Handler[NoBody, NoQuery]) -> Handler[NoBody, NoQuery]:
            row = Route(
                "GET", path, access, summary, handler, NoBody, NoQuery, {101: None}, (), commands, events
            )
            self._rows.append(row)
            return handler

        return add

    def register(self, app: web.Application) -> None:
        """Put every row on the application."""
        for row in self._rows:
            app.router.add_route(row.method, row.path, row.serve)


def answer(data: Any, status: int = 200) -> web.Response:
    """A JSON answer that no cache keeps."""
    body = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
    headers = {"Cache-Control": "no-store"}
    return web.Response(status=status, body=body, content_type="application/json", headers=headers)


def _validated_query(model: type[BaseModel], request: web.Request) -> BaseModel:
    names = list(request.query)
    if len(names) != len(set(names)):
        raise errors.Invalid("A query parameter is given twice.")
    try:
        return model.model_validate(dict(request.query))
    except ValidationError as error:
        raise errors.from_validation(error, model.model_fields) from None


async def _validated_body(model: type[BaseModel], request: web.Request) -> BaseModel:
    if request.method == "GET":
        return model()
    raw = await _raw_body(request)
    if model is NoBody and not raw:
        return NoBody()
    if (
        request.content_type != "application/json"
        or request.headers.get("Content-Encoding", "identity") != "identity"
    ):
        raise errors.NotJson()
    return parsed(model, raw)


def parsed(model: type[B], raw: bytes | str) -> B:
    """A model from raw JSON; raises BadRequest or Invalid, neither of which repeats the input."""
    try:
        return model.model_validate_json(raw)
    except ValidationError as error:
        raise errors.from_validation(error, _names(model)) from None


def _names(model: type[BaseModel]) -> set[str]:
    """Field names at any depth: the only words of a location that are ours."""
    found: set[str] = set()
    schemas = [model.model_json_schema()]
    for schema in (*schemas, *schemas[0].get("$defs", {}).values()):
        found.update(schema.get("properties", {}))
    return found


async def _raw_body(request: web.Request) -> bytes:
    try:
        async with asyncio.timeout(BODY_SECONDS):
            return await request.read()
    except TimeoutError:
        raise errors.BodyTooSlow() from None
    except ConnectionError:
        # The peer hung up: nobody reads the answer, and it is no failure of ours to log.
        raise errors.BadRequest("The body broke off.") from None
