"""The WebSocket of a visitor's widget: hello with the token, send, resume, seen, typing.

Every message reaches the peer once and in order: events that come twice are left out, and a gap is
read from the database. Knows no other customer.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from aiohttp import WSCloseCode, web
from pydantic import TypeAdapter

from bot import views
from bot.api import frames
from bot.api.callers import customer_by_token
from bot.api.customer import acknowledgement, history, pages, receive
from bot.api.errors import Problem
from bot.api.routing import Call, NoBody, NoQuery, Routes
from bot.api.services import Services, services
from bot.api.sockets import Closed, Socket, converse, first_of
from bot.api.unbroken import unbroken
from bot.live import Event, Subscription, customer_topic
from storage import conversations
from storage.records import Customer, Message

routes = Routes()

_HELLO: TypeAdapter[frames.VisitorHello] = TypeAdapter(frames.VisitorHello)
_COMMAND: TypeAdapter[frames.CustomerCommand] = TypeAdapter(frames.CustomerCommand)


@routes.socket(
    "/api/customer/ws",
    access="public",
    summary="The visitor's live connection; the token is in the first frame",
    commands=frames.CustomerCommand,
    events=frames.CustomerEvent,
)
async def customer_socket(call: Call[NoBody, NoQuery]) -> web.StreamResponse:
    """Open it, wait for hello, then listen and speak."""
    desk = services(call.request)

    async def talk(socket: Socket) -> None:
        hello = await socket.hello(_HELLO)
        try:
            customer = await customer_by_token(desk, hello.token)
        except Problem as problem:
            await socket.send(frames.trouble(problem.document()))
            raise Closed(WSCloseCode.POLICY_VIOLATION, "unknown visitor") from None
        # Listen first, then read: what is stored in between comes twice and is left out once.
        with desk.live.subscribe(customer_topic(customer.id)) as events:
            visitor = _Visitor(socket, desk, customer)
            await visitor.welcome(hello.last_seq)
            await first_of(visitor.take_commands(), visitor.forward(events))

    return await converse(call.request, "customer", talk)


class _Visitor:
    """One connected widget; `_seq` is the last message of `_conversation` that was sent to it."""

    def __init__(self, socket: Socket, desk: Services, customer: Customer) -> None:
        self._socket, self._desk, self._customer = socket, desk, customer
        self._conversation: UUID | None = None
        self._seq = 0

    async def welcome(self, after: int) -> None:
        """Everything missed: the first page as welcome, further ones as catch_up."""
        kind = "welcome"
        async for page in pages(self._desk, self._customer.id, after):
            document = page.document()
            if kind == "catch_up":
                del document["conversation"]
            else:
                document["typing"] = False
            await self._socket.send({"type": kind, **document})
            self._conversation = page.conversation.id if page.conversation else None
            self._seq = page.last_seq
            kind = "catch_up"

    async def forward(self, events: Subscription) -> None:
        """Live events until the subscription ends."""
        async for event in events:
            if event["type"] == "message":
                await self._message(event)
            else:
                await self._socket.send(event)
        raise Closed(events.close_code or WSCloseCode.GOING_AWAY, "come back and resume")

    async def _message(self, event: Event) -> None:
        conversation_id, seq = UUID(event["conversation_id"]), int(event["message"]["seq"])
        if conversation_id != self._conversation:
            self._conversation, self._seq = conversation_id, 0
        if seq <= self._seq:
            return
        if seq == self._seq + 1:
            self._seq = seq
            await self._socket.send(event)
            return
        # A gap: a note, which customers don't see, or an event that is still on its way.
        for message in await unbroken(self._missed(conversation_id)):
            self._seq = message.seq
            if views.is_for_customer(message):
                await self._socket.send(views.customer_message_event(message))

    async def _missed(self, conversation_id: UUID) -> list[Message]:
        async with self._desk.db.read() as tx:
            return await conversations.messages_after(tx, conversation_id, self._seq)

    async def take_commands(self) -> None:
        """Answer commands until the peer is gone."""
        async for command in self._socket.commands(_COMMAND):
            message_id = command.client_msg_id if isinstance(command, frames.Send) else None
            await self._socket.answer(self._do(command), message_id)

    async def _do(self, command: Any) -> None:
        match command:
            case frames.Send():
                received = await receive(self._desk, self._customer, command.client_msg_id, command.text)
                said = acknowledgement(received)
                await self._socket.send({"type": "ack", "client_msg_id": command.client_msg_id, **said})
            case frames.Resume():
                async for page in pages(self._desk, self._customer.id, command.last_seq):
                    document = page.document()
                    del document["conversation"]
                    await self._socket.send({"type": "catch_up", **document})
            case frames.Seen():
                if found := await self._own_conversation():
                    await unbroken(self._desk.conversations.seen(found, command.seq))
            case frames.CustomerTyping():
                if found := await self._own_conversation():
                    name = self._customer.display_name or views.VISITOR
                    self._desk.conversations.typing(
                        found, self._customer.id, who="customer", name=name, on=command.on
                    )
            case _:
                raise Closed(WSCloseCode.POLICY_VIOLATION, "one hello is enough")

    async def _own_conversation(self) -> UUID | None:
        if self._conversation is None:
            page = await history(self._desk, self._customer.id, 2**53)
            self._conversation = page.conversation.id if page.conversation else None
        return self._conversation
