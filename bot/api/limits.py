"""How often and how many: token buckets by key, and a count of open sockets. In this process only.

Knows no request; keys are addresses or tokens that the caller chooses.
"""

from __future__ import annotations

import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Clock = Callable[[], float]


class Bucket:
    """Allows `rate` per second on average and `burst` at once."""

    def __init__(self, rate: float, burst: int, clock: Clock = time.monotonic) -> None:
        self._rate, self._burst, self._clock = rate, burst, clock
        self._tokens, self._at = float(burst), clock()

    def take(self) -> float:
        """0.0 when allowed, else the seconds until the next one would be."""
        now = self._clock()
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate)
        self._at = now
        if self._tokens >= 1:
            self._tokens -= 1
            return 0.0
        return (1 - self._tokens) / self._rate


class Buckets:
    """One bucket a key; the keys that were idle longest are forgotten, so memory is bounded."""

    def __init__(self, rate: float, burst: int, *, keys: int = 10_000, clock: Clock = time.monotonic) -> None:
        self._rate, self._burst, self._keys, self._clock = rate, burst, keys, clock
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()

    def take(self, key: str) -> float:
        """0.0 when allowed, else the seconds until the next one would be."""
        bucket = self._buckets.pop(key, None) or Bucket(self._rate, self._burst, self._clock)
        self._buckets[key] = bucket
        if len(self._buckets) > self._keys:
            self._buckets.popitem(last=False)
        return bucket.take()


class SocketsFull(Exception):
    """No further socket: this address or this node has as many as it may."""


class OpenSockets:
    """Counts open WebSockets by address and in all."""

    def __init__(self, *, per_address: int, per_node: int) -> None:
        self._per_address, self._per_node = per_address, per_node
        self._by_address: Counter[str] = Counter()

    @property
    def total(self) -> int:
        """How many are open."""
        return self._by_address.total()

    @contextmanager
    def one(self, address: str) -> Iterator[None]:
        """Hold a place for one socket; raises SocketsFull."""
        if self.total >= self._per_node or self._by_address[address] >= self._per_address:
            raise SocketsFull
        self._by_address[address] += 1
        try:
            yield
        finally:
            self._by_address[address] -= 1
            if not self._by_address[address]:
                del self._by_address[address]


class Limits:
    """The limits of one node."""

    def __init__(
        self,
        *,
        sockets_per_address: int,
        sockets_per_node: int,
        visitors_per_minute: int = 30,
        clock: Clock = time.monotonic,
    ) -> None:
        self.new_visitors = Buckets(rate=visitors_per_minute / 60, burst=visitors_per_minute, clock=clock)
        """Visitor tokens by address."""
        self.customer_calls = Buckets(rate=10, burst=40, clock=clock)
        """REST calls by customer."""
        self.sign_ins = Buckets(rate=0.2, burst=60, clock=clock)
        """Sign-in tries by address, whatever the account."""
        self.sockets = OpenSockets(per_address=sockets_per_address, per_node=sockets_per_node)

    @staticmethod
    def frames() -> Bucket:
        """A new bucket for the frames of one socket: 10 a second, 20 at once."""
        return Bucket(rate=10, burst=20)
