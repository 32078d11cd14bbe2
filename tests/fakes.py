"""Fakes with the real interfaces, for every test: a brain, its serving, a channel and a clock.

They are deterministic, queue their answers, and can be slow or fail on demand.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import numpy as np

from bot.messages import ChannelName, Outbound, Sent
from nlp.types import Analysis, Brain, Draft, Entity, Intent, ReplyRequest, Sentiment, Vector

DIMENSIONS = 384
T = TypeVar("T")

_KEYWORDS = {
    "order_status": ("where", "order", "parcel"),
    "refund_status": ("refund", "money back"),
    "return_start": ("return", "send back"),
    "talk_to_person": ("real person",),
    "thanks": ("thank",),
    "greeting": ("hello", "hi"),
}
_ORDER = re.compile(r"\bTT-\d{6}\b")
_EMAIL = re.compile(r"\b[\w.]+@[\w.]+\.\w+\b")


def vector_of(text: str) -> Vector:
    """A unit vector that depends on the text alone."""
    seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
    vector = np.random.default_rng(seed).standard_normal(DIMENSIONS).astype(np.float32)
    return np.asarray(vector / np.linalg.norm(vector), dtype=np.float32)


def reading(
    text: str = "",
    *,
    language: str = "en",
    negative: float = 0.1,
    intent: str = "order_status",
    intent_score: float = 0.9,
    entities: Sequence[Entity] = (),
) -> Analysis:
    """An Analysis with everything plain but what a test names."""
    rest = 1.0 - negative
    sentiment = Sentiment(negative, rest * 0.75, rest * 0.25)
    return Analysis(language, 0.99, sentiment, tuple(entities), Intent(intent, intent_score), vector_of(text))


def draft(
    text: str = "Could you send me the order number?", *, score: float = 0.8, unfilled: Sequence[str] = ()
) -> Draft:
    """A Draft as the reply engine would make it."""
    return Draft(text=text, template=text, score=score, source="generated", unfilled=tuple(unfilled))


class FakeBrain:
    """The Brain Protocol by keywords. `readings` and `answers` queue what comes next, a value or an error."""

    def __init__(self, version: str = "fake-1") -> None:
        self._version = version
        self.readings: deque[Analysis | Exception] = deque()
        self.answers: deque[list[Draft] | Exception] = deque()
        self.delay = 0.0
        """Seconds that each call blocks its thread."""
        self.broken: Exception | None = None
        """While set, every call raises it."""
        self.understood: list[str] = []
        self.requests: list[ReplyRequest] = []
        self.unread = 0

    def read_on(self) -> None:
        """One item more."""
        self.unread -= 1

    @property
    def version(self) -> str:
        """The id it was made with."""
        return self._version

    def understand(self, texts: Sequence[str]) -> list[Analysis]:
        """Queued readings first, then by keyword."""
        self._work()
        self.understood.extend(texts)
        return [self._next_reading(text) for text in texts]

    def suggest(self, requests: Sequence[ReplyRequest]) -> list[list[Draft]]:
        """Queued answers first, then `count` drafts that name the intent and the known values."""
        self._work()
        self.requests.extend(requests)
        return [self._next_answer(request) for request in requests]

    def _work(self) -> None:
        if self.delay:
            time.sleep(self.delay)
        if self.broken is not None:
            raise self.broken

    def _next_reading(self, text: str) -> Analysis:
        if self.readings:
            return _value(self.readings.popleft())
        lower = text.lower()
        named = (name for name, words in _KEYWORDS.items() if any(word in lower for word in words))
        negative = 0.95 if "furious" in lower else 0.1
        return reading(text, negative=negative, intent=next(named, "other"), entities=entities_in(text))

    def _next_answer(self, request: ReplyRequest) -> list[Draft]:
        if self.answers:
            return _value(self.answers.popleft())
        known = ", ".join(f"{name} {value}" for name, value in sorted(request.values.items()))
        text = f"About {request.analysis.intent.name.replace('_', ' ')}: {known or 'tell me more'}"
        return [draft(f"{text} ({n})", score=0.9 - n / 10) for n in range(1, request.count + 1)]


def entities_in(text: str) -> list[Entity]:
    """Order numbers and e-mail addresses."""
    found = [("order_id", m) for m in _ORDER.finditer(text)] + [("email", m) for m in _EMAIL.finditer(text)]
    return [Entity(kind, m[0], m.start(), m.end(), m[0], 0.99, "recogniser") for kind, m in found]


class FakeLease:
    """What `serving.lease()` gives: the brain behind async methods, in a thread of its own."""

    def __init__(self, brain: Brain) -> None:
        self._brain = brain

    @property
    def version(self) -> str:
        """Version of the leased brain."""
        return self._brain.version

    async def understand(self, text: str) -> Analysis:
        """One reading."""
        return (await asyncio.to_thread(self._brain.understand, [text]))[0]

    async def suggest(self, request: ReplyRequest) -> list[Draft]:
        """The drafts of one request."""
        return (await asyncio.to_thread(self._brain.suggest, [request]))[0]


class FakeServing:
    """Serving without batches: hands out one brain and swaps it."""

    def __init__(self, brain: Brain) -> None:
        self.brain = brain
        self.ready = True
        self.queue_depth = 0

    @asynccontextmanager
    async def lease(self) -> AsyncIterator[FakeLease]:
        """The brain of this moment, for the length of the block."""
        yield FakeLease(self.brain)

    async def swap(self, load: Callable[[], Brain]) -> None:
        """Put another brain in its place."""
        self.brain = load()

    async def close(self) -> None:
        """Nothing to end."""


class FakeChannel:
    """A channel that keeps what it was given. `failures` queues the errors of the next sends."""

    def __init__(self, name: ChannelName = "web") -> None:
        self._name = name
        self.sent: list[Outbound] = []
        self.failures: deque[Exception] = deque()
        self.broken: Exception | None = None
        self.hold: asyncio.Event | None = None
        """While set, a send waits for it: a channel that hangs."""

    @property
    def name(self) -> ChannelName:
        """The channel it stands for."""
        return self._name

    async def send(self, message: Outbound) -> Sent:
        """Keep it, hang, or raise what was queued."""
        if self.hold is not None:
            await self.hold.wait()
        if self.broken is not None:
            raise self.broken
        if self.failures:
            raise self.failures.popleft()
        self.sent.append(message)
        return Sent(channel_msg_id=f"{self._name}-{len(self.sent)}")


class FakeClock:
    """A clock that stands until it is moved."""

    def __init__(self, start: datetime = datetime(2025, 1, 6, 9, 0, tzinfo=UTC)) -> None:
        self._now = start

    def __call__(self) -> datetime:
        """The time now, aware, UTC."""
        return self._now

    def move(self, seconds: float) -> None:
        """Let time pass."""
        self._now += timedelta(seconds=seconds)


async def until(condition: Callable[[], bool], *, seconds: float = 10.0) -> None:
    """Wait until something holds; a TimeoutError ends a test that would hang."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.005)


def _value(queued: T | Exception) -> T:
    if isinstance(queued, Exception):
        raise queued
    return queued
