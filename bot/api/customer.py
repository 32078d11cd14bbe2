"""What a visitor's widget may do over REST: get a token, read its conversation, write, ask for a person.

Every route works on the caller's own conversation; no id of anything is taken, so no other can be named.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

from aiohttp import web
from pydantic import Field

from bot import views
from bot.api import errors, shapes
from bot.api.callers import client_address, new_token, token_hash
from bot.api.routing import (
    Body,
    Call,
    ClientMsgId,
    MessageText,
    NoBody,
    NoQuery,
    Query,
    Routes,
    SafeStr,
    answer,
)
from bot.api.services import Services, services
from bot.api.unbroken import unbroken
from bot.messages import Inbound
from storage import conversations
from storage.database import Transaction
from storage.records import Conversation, Customer, Message, Received

routes = Routes()

PAGE = 500
"""Messages of one page of history; a longer one comes in several."""


class NewVisitor(Body):
    """What the widget knows of a new visitor."""

    locale: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{2,35}$")] | None = None
    page_url: Annotated[SafeStr, Field(max_length=2000)] | None = None


class NewMessage(Body):
    """A message; the same client_msg_id is stored once, however often it is sent."""

    client_msg_id: ClientMsgId
    text: MessageText


class Cursor(Query):
    """The last message that the caller has."""

    after: Annotated[int, Field(ge=0, le=2**53)] = 0


@dataclass(frozen=True, slots=True)
class History:
    """What a customer may see of their conversation after a cursor; `more` where the page was full."""

    conversation: Conversation | None
    messages: tuple[Message, ...]
    last_seq: int
    more: bool

    def document(self) -> dict[str, Any]:
        """The JSON form."""
        shown = self.conversation
        return {
            "conversation": views.conversation_for_customer(shown) if shown else None,
            "messages": [views.message_for_customer(message) for message in self.messages],
            "last_seq": self.last_seq,
        }


async def history(desk: Services, customer_id: UUID, after: int) -> History:
    """One page of the customer's current conversation. `last_seq` is where the next page begins."""
    return await unbroken(_history(desk, customer_id, after))


async def _history(desk: Services, customer_id: UUID, after: int) -> History:
    async with desk.db.read() as tx:
        found = await conversations.current_conversation(tx, customer_id, "web")
        if found is None:
            return History(None, (), 0, more=False)
        stored = await conversations.messages_after(tx, found.id, after, limit=PAGE)
    more = len(stored) == PAGE
    last_seq = stored[-1].seq if stored else min(after, found.last_seq)
    return History(found, tuple(filter(views.is_for_customer, stored)), last_seq, more)


async def pages(desk: Services, customer_id: UUID, after: int) -> AsyncIterator[History]:
    """Every page after a cursor; at least one."""
    while True:
        page = await history(desk, customer_id, after)
        yield page
        if not page.more:
            return
        after = page.last_seq


async def receive(desk: Services, customer: Customer, message_id: str, text: str) -> Received:
    """Store the message; it is committed when this returns, so it may be acknowledged."""
    inbound = Inbound(channel="web", customer_id=customer.id, text=text, client_msg_id=message_id)
    return await unbroken(desk.conversations.receive(inbound))


def acknowledgement(received: Received) -> dict[str, Any]:
    """What the sender is told; for a repeat the same as the first time."""
    message = received.message
    return {
        "id": str(message.id),
        "seq": message.seq,
        "conversation_id": str(message.conversation_id),
        "at": message.at.isoformat(),
        "duplicate": received.duplicate,
    }


@routes.route(
    "POST",
    "/api/customer/session",
    access="public",
    summary="Become a visitor",
    body=NewVisitor,
    responses={201: shapes.Visitor},
    problems=(429,),
)
async def new_visitor(call: Call[NewVisitor, NoQuery]) -> web.StreamResponse:
    """A new visitor and the token that proves it from now on."""
    desk = services(call.request)
    if wait := desk.limits.new_visitors.take(client_address(call.request, desk)):
        raise errors.TooMany(headers={"Retry-After": str(int(wait) + 1)})
    token = new_token()

    async def create(tx: Transaction) -> Customer:
        return await conversations.create_customer(
            tx, display_name="", token_hash=token_hash(token), locale=call.body.locale
        )

    customer = await desk.db.write(create)
    return answer({"token": token, "customer_id": str(customer.id)}, status=201)


@routes.route(
    "GET",
    "/api/customer/conversation",
    access="customer",
    summary="Read the own conversation from a cursor on",
    query=Cursor,
    responses={200: shapes.History},
)
async def read_conversation(call: Call[NoBody, Cursor]) -> web.StreamResponse:
    """At most 500 messages; ask again with `last_seq` while there are any."""
    page = await history(services(call.request), call.customer.id, call.query.after)
    return answer(page.document())


@routes.route(
    "POST",
    "/api/customer/messages",
    access="customer",
    summary="Send a message",
    body=NewMessage,
    responses={201: shapes.Acknowledged, 200: shapes.Acknowledged},
    problems=(409,),
)
async def send_message(call: Call[NewMessage, NoQuery]) -> web.StreamResponse:
    """201 for a new message, 200 for a repeat, 409 for a used client_msg_id with another text."""
    received = await receive(services(call.request), call.customer, call.body.client_msg_id, call.body.text)
    return answer(acknowledgement(received), status=200 if received.duplicate else 201)


@routes.route(
    "POST",
    "/api/customer/person",
    access="customer",
    summary="Ask for a person",
    responses={200: shapes.Empty},
)
async def ask_for_person(call: Call[NoBody, NoQuery]) -> web.StreamResponse:
    """The bot falls silent and the conversation goes to the team."""
    await services(call.request).conversations.ask_for_person(call.customer.id)
    return answer({})
