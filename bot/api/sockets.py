"""One open WebSocket: bounded sending, counted reading, one way to close. Knows no command.

A door gives `converse` its conversation; whatever ends first (the reader, the sender, the live events)
ends the socket with the close code it chose.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import suppress
from typing import Any, TypeVar

from aiohttp import WSCloseCode, WSMsgType, web
from pydantic import TypeAdapter, ValidationError

from bot.api import errors, frames
from bot.api.callers import client_address
from bot.api.limits import SocketsFull
from bot.api.services import Services, services
from storage.errors import StorageError

C = TypeVar("C")

HELLO_SECONDS = 10
SEND_SECONDS = 10
QUEUE = 256
MAX_FRAME = 40 * 1024
"""Bytes; 8,000 characters of four bytes fit: a client could never get rid of a longer message."""
_PATIENCE = 50
"""So many refused frames in a row end the socket."""

log = logging.getLogger(__name__)


class Closed(Exception):
    """Ends the socket with a close code and a short reason of ours."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code, self.reason = code, reason


class Socket:
    """One peer; made by `converse`. `owner` names whose it is, so that it can be ended with them."""

    def __init__(self, ws: web.WebSocketResponse, request: web.Request, desk: Services, door: str) -> None:
        self._ws, self._request, self._desk, self._door = ws, request, desk, door
        self._outgoing: asyncio.Queue[str] = asyncio.Queue(QUEUE)
        self._bucket = desk.limits.frames()
        self._refused = 0
        self._ended: asyncio.Future[Closed] = asyncio.get_running_loop().create_future()
        self.owner = ""

    async def send(self, event: Mapping[str, Any]) -> None:
        """Queue an event; waits while the queue is full, which the sender's time limit bounds."""
        await self._outgoing.put(json.dumps(event, ensure_ascii=False, separators=(",", ":")))

    def end(self, code: int, reason: str) -> None:
        """End the socket from outside: at a stop, or when the account was disabled."""
        if not self._ended.done():
            self._ended.set_result(Closed(code, reason))

    async def commands(self, adapter: TypeAdapter[C]) -> AsyncIterator[C]:
        """Valid commands, the rate kept; what is invalid is answered with an error event."""
        while True:
            raw = await self._text()
            if wait := self._bucket.take():
                await self._refuse(errors.TooMany(f"Wait {wait:.1f} s."))
                continue
            try:
                command = adapter.validate_json(raw)
            except ValidationError:
                await self._refuse(
                    errors.Invalid("This is not a command of ours, or a value in it is wrong.")
                )
                continue
            self._refused = 0
            self._desk.metrics.frames.labels(self._door).inc()
            yield command

    async def hello(self, adapter: TypeAdapter[C]) -> C:
        """The first frame, within ten seconds; anything else is a breach of policy."""
        try:
            async with asyncio.timeout(HELLO_SECONDS):
                return adapter.validate_json(await self._text())
        except TimeoutError:
            raise Closed(WSCloseCode.POLICY_VIOLATION, "no hello in time") from None
        except ValidationError:
            raise Closed(WSCloseCode.POLICY_VIOLATION, "the first frame has to be a hello") from None

    async def answer(self, work: Awaitable[None], client_msg_id: str | None = None) -> None:
        """Await the work of one command; what it refuses becomes an error event, not the end."""
        try:
            await work
        except errors.Problem as problem:
            await self.send(frames.trouble(problem.document(), client_msg_id))
        except StorageError as error:
            await self.send(frames.trouble(errors.from_storage(error).document(), client_msg_id))

    async def _text(self) -> str:
        message = await self._ws.receive()
        if message.type is WSMsgType.TEXT:
            return str(message.data)
        if message.type is WSMsgType.BINARY:
            raise Closed(WSCloseCode.UNSUPPORTED_DATA, "text frames only")
        # CLOSE, CLOSING, CLOSED or ERROR (whose data is an exception): the peer is gone.
        raise Closed(self._ws.close_code or WSCloseCode.OK, "")

    async def _refuse(self, problem: errors.Problem) -> None:
        self._refused += 1
        if self._refused > _PATIENCE:
            raise Closed(WSCloseCode.POLICY_VIOLATION, "too many refused frames")
        await self.send(frames.trouble(problem.document()))

    async def run(self, talk: Coroutine[Any, Any, None]) -> None:
        """Talk and send until one of them ends, then close with the code that it chose."""
        tasks = [asyncio.create_task(talk), asyncio.create_task(self._send_forever())]
        try:
            watched: list[asyncio.Future[Any]] = [*tasks, self._ended]
            await asyncio.wait(watched, return_when=asyncio.FIRST_COMPLETED)
            reason = self._reason(tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        await self._close(reason)

    def _reason(self, tasks: list[asyncio.Task[None]]) -> Closed:
        if self._ended.done():
            return self._ended.result()
        for task in tasks:
            if task.done() and (error := task.exception()):
                if isinstance(error, Closed):
                    return error
                if isinstance(error, ConnectionError):
                    return Closed(WSCloseCode.ABNORMAL_CLOSURE, "")
                log.error("a socket failed", exc_info=error, extra={"door": self._door})
                return Closed(WSCloseCode.INTERNAL_ERROR, "something went wrong on our side")
        return Closed(WSCloseCode.OK, "")

    async def _send_forever(self) -> None:
        while True:
            text = await self._outgoing.get()
            try:
                async with asyncio.timeout(SEND_SECONDS):
                    await self._ws.send_str(text)
            except TimeoutError:
                raise Closed(WSCloseCode.TRY_AGAIN_LATER, "too slow") from None

    async def _close(self, reason: Closed) -> None:
        if reason.code == WSCloseCode.TRY_AGAIN_LATER:
            self._desk.metrics.dropped.inc()
        try:
            async with asyncio.timeout(2):
                await self._flush(reason)
                await self._ws.close(code=reason.code, message=reason.reason.encode())
        except (TimeoutError, ConnectionError):
            # A peer that doesn't read can't be told: cut the connection.
            if self._request.transport is not None:
                self._request.transport.abort()

    async def _flush(self, reason: Closed) -> None:
        """Before an orderly end, send what is queued: an answer may be the reason for it."""
        if reason.code == WSCloseCode.TRY_AGAIN_LATER:
            return
        while not self._outgoing.empty() and not self._ws.closed:
            await self._ws.send_str(self._outgoing.get_nowait())


async def converse(
    request: web.Request, door: str, talk: Callable[[Socket], Coroutine[Any, Any, None]]
) -> web.WebSocketResponse:
    """Open a WebSocket and let `talk` speak on it; raises TooMany or NotReady instead of opening one."""
    desk = services(request)
    if desk.state.draining:
        raise errors.NotReady("This node is stopping.", headers={"Retry-After": "1"})
    try:
        with desk.limits.sockets.one(client_address(request, desk)), desk.metrics.sockets.track_inprogress():
            # Compression is off: a small frame could unpack to a huge one.
            ws = web.WebSocketResponse(heartbeat=20, max_msg_size=MAX_FRAME, compress=False, timeout=2)
            if not ws.can_prepare(request).ok:
                raise errors.BadRequest("Open this address as a WebSocket.")
            await ws.prepare(request)
            socket = Socket(ws, request, desk, door)
            desk.sockets.add(socket)
            try:
                await socket.run(talk(socket))
            finally:
                desk.sockets.discard(socket)
            return ws
    except SocketsFull:
        raise errors.TooMany("Too many open sockets.", headers={"Retry-After": "10"}) from None


async def first_of(*talks: Coroutine[Any, Any, None]) -> None:
    """Run side by side until one ends or fails; the others are cancelled."""
    tasks = [asyncio.create_task(talk) for talk in talks]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            if not task.done():
                task.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.gather(*tasks, return_exceptions=True)
    for task in tasks:
        if not task.cancelled() and (error := task.exception()):
            raise error
