"""Events to open consoles and widgets: who listens to what, in this process or between nodes.

Fire and forget: the database is the truth, and whoever missed something resumes from its cursor.
A publisher never waits; a reader that is too slow is dropped. Knows topics and JSON-ready dicts,
nothing of what they mean.
"""

from __future__ import annotations

import asyncio
import json
import logging
import uuid
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import redis.asyncio
from redis.exceptions import RedisError

Event = Mapping[str, Any]

AGENTS = "agents"
"""The topic of all consoles."""

QUEUE_SIZE = 256
TOO_SLOW = 1013
"""Close code "try again later": the reader fell behind and should resume from its cursor."""
GOING_AWAY = 1001
"""Close code of a server that stops."""

_REDIS_CHANNEL = "deskhand:live"
_REDIS_QUEUE_SIZE = 1024
_REDIS_SILENCE = 60.0

log = logging.getLogger(__name__)


def customer_topic(customer_id: uuid.UUID) -> str:
    """The topic of one customer's widgets."""
    return f"customer:{customer_id}"


class Subscription:
    """One reader. Iterate over it; the iteration ends when it is closed, and `close_code` says why."""

    def __init__(self, size: int = QUEUE_SIZE) -> None:
        self._size = size
        self._waiting: deque[Event] = deque()
        self._stirred = asyncio.Event()
        self.close_code: int | None = None

    def offer(self, event: Event) -> None:
        """Take an event without waiting; one too many closes the subscription."""
        if self.close_code is not None:
            return
        if len(self._waiting) >= self._size:
            self.close(TOO_SLOW)
            return
        self._waiting.append(event)
        self._stirred.set()

    def close(self, code: int) -> None:
        """End the iteration; the first code given stays. What was waiting is for the resume to bring."""
        if self.close_code is None:
            self.close_code = code
            self._waiting.clear()
            self._stirred.set()

    async def __aiter__(self) -> AsyncIterator[Event]:
        while self.close_code is None:
            if self._waiting:
                yield self._waiting.popleft()
                continue
            self._stirred.clear()
            await self._stirred.wait()


class Live:
    """Events within this process."""

    def __init__(self) -> None:
        self._readers: dict[str, set[Subscription]] = defaultdict(set)

    async def start(self) -> None:
        """Nothing to do here; RedisLive connects."""

    async def close(self) -> None:
        """Close every subscription with 1001."""
        self.drop_all(GOING_AWAY)

    @contextmanager
    def subscribe(self, *topics: str) -> Iterator[Subscription]:
        """Listen to topics for the length of the block."""
        reader = Subscription()
        for topic in topics:
            self._readers[topic].add(reader)
        try:
            yield reader
        finally:
            for topic in topics:
                self._readers[topic].discard(reader)
                if not self._readers[topic]:
                    del self._readers[topic]

    def publish(self, topic: str, event: Event) -> None:
        """Give the event to everybody who listens to the topic; never waits, never fails."""
        for reader in tuple(self._readers.get(topic, ())):
            reader.offer(event)

    def drop_all(self, code: int) -> None:
        """Close every subscription, so that the readers come back and resume."""
        for readers in tuple(self._readers.values()):
            for reader in tuple(readers):
                reader.close(code)

    @property
    def readers(self) -> int:
        """How many subscriptions are open."""
        return len({reader for readers in self._readers.values() for reader in readers})


class RedisLive(Live):
    """The same between several nodes: what one publishes, the readers of all hear.

    Readers of this node hear at once and without Redis. When Redis was away, events of other
    nodes may be missing here, so the readers are dropped with 1013 and resume from their cursors;
    likewise on the other nodes, when more happened here than could be kept until it was back.
    """

    def __init__(self, url: str) -> None:
        super().__init__()
        self._node = uuid.uuid4().hex
        self._redis = redis.asyncio.Redis.from_url(
            url, client_name=self.client_name, socket_connect_timeout=5.0, health_check_interval=30
        )
        self._outgoing: asyncio.Queue[str] = asyncio.Queue(_REDIS_QUEUE_SIZE)
        self._lost = False
        self._tasks: list[asyncio.Task[None]] = []
        self._listening = asyncio.Event()

    @property
    def client_name(self) -> str:
        """Under this name Redis lists our connections."""
        return f"deskhand-{self._node}"

    async def start(self) -> None:
        """Begin to send and to listen; returns once the first subscription stands or 5 s passed."""
        self._tasks = [asyncio.create_task(self._send_forever()), asyncio.create_task(self._listen_forever())]
        with suppress(TimeoutError):
            await asyncio.wait_for(self._listening.wait(), 5.0)

    async def close(self) -> None:
        """Stop both tasks, close the connection and every subscription."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._redis.aclose()
        await super().close()

    def publish(self, topic: str, event: Event) -> None:
        """Local readers at once; the other nodes by a background task."""
        super().publish(topic, event)
        try:
            self._outgoing.put_nowait(json.dumps({"node": self._node, "topic": topic, "event": event}))
        except asyncio.QueueFull:
            self._lost = True  # Redis is away: the others will be told to resume from the database

    async def _send_forever(self) -> None:
        waiting = ""
        while True:
            waiting = waiting or await self._outgoing.get()
            try:
                await self._send(waiting)
                waiting = ""
            except (RedisError, OSError):
                log.warning("live: an event could not be published to Redis yet")
                await asyncio.sleep(0.5)

    async def _send(self, payload: str) -> None:
        if self._lost:
            await self._redis.publish(_REDIS_CHANNEL, json.dumps({"node": self._node, "lost": True}))
            self._lost = False
        await self._redis.publish(_REDIS_CHANNEL, payload)

    async def _listen_forever(self) -> None:
        pause = 0.5
        while True:
            try:
                async with self._redis.pubsub() as pubsub:
                    await pubsub.subscribe(_REDIS_CHANNEL)
                    if self._listening.is_set():
                        self.drop_all(TOO_SLOW)
                    self._listening.set()
                    pause = 0.5
                    while True:
                        self._hear(await pubsub.get_message(True, timeout=_REDIS_SILENCE))
            except (RedisError, OSError):
                log.warning("live: lost Redis, trying again in %.1f s", pause)
            await asyncio.sleep(pause)
            pause = min(pause * 2, 10.0)

    def _hear(self, message: Mapping[str, Any] | None) -> None:
        if message is None:
            return
        try:
            heard = json.loads(message["data"])
            if heard["node"] == self._node:
                return
            if heard.get("lost"):
                self.drop_all(TOO_SLOW)
            else:
                super().publish(heard["topic"], heard["event"])
        except (ValueError, KeyError, TypeError):
            log.warning("live: ignored a malformed event from Redis")
