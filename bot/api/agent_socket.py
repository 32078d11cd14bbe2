"""The WebSocket of a console: the cookie says who it is, every live event of the team comes through.

It ends with the sign-in behind it. Knows nothing of how events are made.
"""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

from aiohttp import WSCloseCode, web
from pydantic import TypeAdapter

from bot.api import frames
from bot.api.callers import READERS, WRITERS, cookie_name, session_of
from bot.api.routing import Call, NoBody, NoQuery, Routes
from bot.api.services import Services, services
from bot.api.signin import account_view
from bot.api.sockets import Closed, Socket, converse, first_of
from bot.api.unbroken import unbroken
from bot.live import AGENTS, Subscription
from storage import conversations
from storage.records import Account

routes = Routes()

RECHECK_SECONDS = 30

_HELLO: TypeAdapter[frames.AgentHello] = TypeAdapter(frames.AgentHello)
_COMMAND: TypeAdapter[frames.AgentCommand] = TypeAdapter(frames.AgentCommand)


@routes.socket(
    "/api/agent/ws",
    access=READERS,
    summary="The console's live connection",
    commands=frames.AgentCommand,
    events=frames.AgentEvent,
)
async def agent_socket(call: Call[NoBody, NoQuery]) -> web.StreamResponse:
    """Open it, wait for hello, then pass on what happens."""
    desk, account = services(call.request), call.account
    token = call.request.cookies[cookie_name(desk)]

    async def talk(socket: Socket) -> None:
        socket.owner = str(account.id)
        await socket.hello(_HELLO)
        with desk.live.subscribe(AGENTS) as events:
            await socket.send({"type": "welcome", "account": account_view(account)})
            await first_of(
                _take_commands(socket, desk, account), _forward(socket, events), _watch(desk, token)
            )

    return await converse(call.request, "agent", talk)


async def _forward(socket: Socket, events: Subscription) -> None:
    async for event in events:
        await socket.send(event)
    raise Closed(events.close_code or WSCloseCode.GOING_AWAY, "come back and resume")


async def _watch(desk: Services, token: str) -> None:
    """End the socket soon after its sign-in has ended, whichever node ended it."""
    while True:
        await asyncio.sleep(RECHECK_SECONDS)
        if await unbroken(session_of(desk, token)) is None:
            raise Closed(WSCloseCode.POLICY_VIOLATION, "signed out")


async def _take_commands(socket: Socket, desk: Services, account: Account) -> None:
    async for command in socket.commands(_COMMAND):
        await socket.answer(_do(socket, desk, account, command))


async def _do(socket: Socket, desk: Services, account: Account, command: Any) -> None:
    match command:
        case frames.Open(conversation_id=wanted):
            found = await unbroken(_found(desk, wanted))
            if account.role in WRITERS:
                await unbroken(desk.db.write(lambda tx: conversations.mark_read(tx, wanted)))
                await desk.conversations.changed(wanted)
            await socket.send(
                {"type": "opened", "conversation_id": str(found.id), "last_seq": found.last_seq}
            )
        case frames.AgentTyping(conversation_id=wanted, on=on):
            found = await unbroken(_found(desk, wanted))
            if account.role in WRITERS:
                desk.conversations.typing(found.id, found.customer_id, who="agent", name=account.name, on=on)
        case _:
            raise Closed(WSCloseCode.POLICY_VIOLATION, "one hello is enough")


async def _found(desk: Services, conversation_id: UUID) -> Any:
    async with desk.db.read() as tx:
        return await conversations.conversation(tx, conversation_id)
