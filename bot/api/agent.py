"""What the support team does with conversations over REST: list, read, answer, note, reject.

Knows no customer's token and decides nothing itself: the spine sends, storage refuses what is stale.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self
from uuid import UUID

from aiohttp import web
from pydantic import Field, model_validator

from bot import views
from bot.api import shapes
from bot.api.callers import READERS, WRITERS
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
    Uuid,
    answer,
)
from bot.api.services import services
from storage import conversations, suggestions
from storage.database import Transaction
from storage.records import Message

routes = Routes()

PAGE = 200
"""Messages that come with an opened conversation, the latest ones."""


class InboxQuery(Query):
    """Which conversations to list."""

    status: Literal["open", "pending", "snoozed", "resolved"] | None = None
    assignee: Literal["me", "none", "all"] = "all"
    limit: Annotated[int, Field(ge=1, le=100)] = 50
    before: Annotated[SafeStr, Field(max_length=200)] | None = None


class Cursor(Query):
    """The last message that the caller has."""

    after: Annotated[int, Field(ge=0, le=2**53)] = 0


class NewReply(Body):
    """A reply to the customer or a note for colleagues; with the suggestion it came from, if any."""

    client_msg_id: ClientMsgId
    text: MessageText
    kind: Literal["reply", "note"] = "reply"
    suggestion_id: Uuid | None = None
    position: Annotated[int, Field(ge=0, le=100)] | None = None
    based_on_seq: Annotated[int, Field(ge=0, le=2**53)] | None = None

    @model_validator(mode="after")
    def _position_of_a_suggestion(self) -> Self:
        if self.position is not None and self.suggestion_id is None:
            raise ValueError("position without suggestion_id")
        return self


class Rejection(Body):
    """Why a suggested reply is of no use; without a position it means all of them."""

    position: Annotated[int, Field(ge=0, le=100)] | None = None
    reason: Annotated[SafeStr, Field(max_length=500)] = ""


@routes.route(
    "GET",
    "/api/conversations",
    access=READERS,
    summary="The inbox",
    query=InboxQuery,
    responses={200: shapes.Inbox},
)
async def list_conversations(call: Call[NoBody, InboxQuery]) -> web.StreamResponse:
    """Newest activity first; 422 for a cursor that we did not hand out."""
    asked = call.query
    assignee: UUID | Literal["none"] | None = None
    if asked.assignee != "all":
        assignee = "none" if asked.assignee == "none" else call.account.id
    async with services(call.request).db.read() as tx:
        page = await conversations.list_conversations(
            tx, status=asked.status, assignee=assignee, limit=asked.limit, before=asked.before
        )
    return answer({"items": [views.summary(item) for item in page.items], "next": page.next})


@routes.route(
    "GET",
    "/api/conversations/{id}",
    access=READERS,
    summary="Open a conversation",
    responses={200: shapes.OpenedConversation},
)
async def open_conversation(call: Call[NoBody, NoQuery]) -> web.StreamResponse:
    """The latest messages with what was read in them, and the open suggestion."""
    async with services(call.request).db.read() as tx:
        found = await conversations.conversation(tx, call.id())
        customer = await conversations.customer(tx, found.customer_id)
        messages = await conversations.recent_messages(tx, found.id, PAGE)
        shown = await _with_analysis(tx, messages)
        suggestion = await suggestions.open_suggestion(tx, found.id)
    return answer(
        {
            "conversation": views.conversation(found),
            "customer": views.customer(customer),
            "messages": shown,
            "suggestion": views.suggestion(suggestion),
        }
    )


@routes.route(
    "GET",
    "/api/conversations/{id}/messages",
    access=READERS,
    summary="Messages from a cursor on",
    query=Cursor,
    responses={200: shapes.AgentHistory},
)
async def read_messages(call: Call[NoBody, Cursor]) -> web.StreamResponse:
    """At most 500; ask again with `last_seq` while there are any."""
    async with services(call.request).db.read() as tx:
        found = await conversations.conversation(tx, call.id())
        messages = await conversations.messages_after(tx, found.id, call.query.after)
        shown = await _with_analysis(tx, messages)
    last_seq = messages[-1].seq if messages else min(call.query.after, found.last_seq)
    return answer({"messages": shown, "last_seq": last_seq})


async def _with_analysis(tx: Transaction, messages: Any) -> list[dict[str, Any]]:
    listed: list[Message] = list(messages)
    read = await conversations.analysis_of(tx, [message.id for message in listed])
    return [views.message_for_agent(message, read.get(message.id)) for message in listed]


@routes.route(
    "POST",
    "/api/conversations/{id}/messages",
    access=WRITERS,
    summary="Answer the customer or leave a note",
    body=NewReply,
    responses={201: shapes.Posted, 200: shapes.Posted},
    problems=(409,),
)
async def post_message(call: Call[NewReply, NoQuery]) -> web.StreamResponse:
    """201, or 200 for a repeat; 409 when the suggestion is stale or decided already."""
    said, desk = call.body, services(call.request)
    if said.kind == "note":
        stored = await desk.conversations.note(call.id(), call.account, said.text, said.client_msg_id)
    else:
        stored = await desk.conversations.reply(
            call.id(),
            call.account,
            said.text,
            said.client_msg_id,
            suggestion_id=said.suggestion_id,
            position=said.position,
        )
    status = 200 if stored.duplicate else 201
    return answer({"message": views.message_for_agent(stored.message)}, status=status)


@routes.route(
    "POST",
    "/api/suggestions/{id}/reject",
    access=WRITERS,
    summary="Reject a suggestion",
    body=Rejection,
    responses={200: shapes.Empty},
    problems=(409,),
)
async def reject_suggestion(call: Call[Rejection, NoQuery]) -> web.StreamResponse:
    """The reason is kept in the ledger and teaches the next model."""
    await services(call.request).conversations.reject(
        call.id(), call.body.position, call.body.reason, call.account
    )
    return answer({})
