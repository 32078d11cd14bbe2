"""Token buckets and the count of open sockets."""

from __future__ import annotations

import pytest

from bot.api.limits import Bucket, Buckets, OpenSockets, SocketsFull


class Clock:
    """A clock that stands until moved."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_bucket_gives_its_burst_and_then_its_rate() -> None:
    clock = Clock()
    bucket = Bucket(rate=10, burst=3, clock=clock)
    assert [bucket.take() for _ in range(3)] == [0.0] * 3
    assert bucket.take() == pytest.approx(0.1)
    clock.now += 0.1
    assert bucket.take() == 0.0
    clock.now += 1_000
    assert [bucket.take() for _ in range(4)][:3] == [0.0] * 3


def test_keys_do_not_share_and_are_forgotten_at_last() -> None:
    clock = Clock()
    buckets = Buckets(rate=1, burst=1, keys=2, clock=clock)
    assert buckets.take("a") == 0.0
    assert buckets.take("b") == 0.0
    assert buckets.take("a") > 0
    assert buckets.take("c") == 0.0
    assert buckets.take("b") == 0.0


def test_sockets_are_bounded_by_address_and_in_all() -> None:
    sockets = OpenSockets(per_address=1, per_node=2)
    with sockets.one("a"):
        with pytest.raises(SocketsFull), sockets.one("a"):
            pass
        with sockets.one("b"), pytest.raises(SocketsFull), sockets.one("c"):
            pass
    assert sockets.total == 0
