"""Events reach who listens, and a slow reader harms nobody but itself."""

from __future__ import annotations

import asyncio
import os
import uuid
from collections.abc import AsyncIterator

import pytest
import redis.asyncio
from redis.exceptions import RedisError

from bot.live import AGENTS, GOING_AWAY, QUEUE_SIZE, TOO_SLOW, Live, RedisLive, Subscription
from tests.fakes import until

REDIS_URL = os.environ.get("DESKHAND_TEST_REDIS_URL", "redis://127.0.0.1:6379/0")


async def first(events: Subscription) -> object:
    async with asyncio.timeout(5):
        async for event in events:
            return event
    return None


async def test_an_event_reaches_every_reader_of_its_topic_and_no_other() -> None:
    live = Live()
    with live.subscribe(AGENTS) as one, live.subscribe(AGENTS) as two, live.subscribe("customer:x") as other:
        live.publish(AGENTS, {"n": 1})
        live.publish("customer:x", {"n": 2})
        assert await first(one) == await first(two) == {"n": 1}
        assert await first(other) == {"n": 2}


async def test_a_reader_of_two_topics_gets_events_in_order() -> None:
    live = Live()
    with live.subscribe("a", "b") as events:
        for n, topic in enumerate("abab"):
            live.publish(topic, {"n": n})
        assert [await first(events) for _ in range(4)] == [{"n": n} for n in range(4)]
        assert live.readers == 1


async def test_a_waiting_reader_wakes_up() -> None:
    live = Live()
    with live.subscribe(AGENTS) as events:
        waiting = asyncio.create_task(first(events))
        await asyncio.sleep(0)
        live.publish(AGENTS, {"n": 1})
        assert await waiting == {"n": 1}


async def test_a_slow_reader_is_dropped_and_the_others_are_not() -> None:
    live = Live()
    seen = 0
    with live.subscribe(AGENTS) as slow, live.subscribe(AGENTS) as quick:
        for n in range(QUEUE_SIZE + 1):
            live.publish(AGENTS, {"n": n})
            assert await first(quick) == {"n": n}
            seen += 1
        assert slow.close_code == TOO_SLOW
        assert [event async for event in slow] == []
        assert quick.close_code is None
    assert seen == QUEUE_SIZE + 1


async def test_nobody_is_kept_after_the_block() -> None:
    live = Live()
    with live.subscribe(AGENTS, "customer:x"):
        assert live.readers == 1
    assert live.readers == 0
    live.publish(AGENTS, {"n": 1})


async def test_closing_ends_every_reader_with_1001() -> None:
    live = Live()
    with live.subscribe(AGENTS) as events:
        waiting = asyncio.create_task(first(events))
        await asyncio.sleep(0)
        await live.close()
        assert await waiting is None
        assert events.close_code == GOING_AWAY


@pytest.fixture
async def nodes() -> AsyncIterator[tuple[RedisLive, RedisLive]]:
    probe = redis.asyncio.Redis.from_url(REDIS_URL, socket_connect_timeout=1.0)
    try:
        await probe.ping()
    except (RedisError, OSError):
        pytest.skip(f"no Redis answers at {REDIS_URL} (set DESKHAND_TEST_REDIS_URL)")
    finally:
        await probe.aclose()
    one, two = RedisLive(REDIS_URL), RedisLive(REDIS_URL)
    await one.start()
    await two.start()
    yield one, two
    await one.close()
    await two.close()


async def test_redis_carries_events_between_nodes_once(nodes: tuple[RedisLive, RedisLive]) -> None:
    one, two = nodes
    topic = f"customer:{uuid.uuid4()}"
    with one.subscribe(topic) as here, two.subscribe(topic) as there:
        one.publish(topic, {"n": 1})
        one.publish(topic, {"n": 2})
        assert [await first(there), await first(there)] == [{"n": 1}, {"n": 2}]
        assert [await first(here), await first(here)] == [{"n": 1}, {"n": 2}]
        two.publish(topic, {"n": 3})
        assert await first(here) == {"n": 3}
        assert await first(there) == {"n": 3}


async def test_a_gap_in_redis_sends_readers_back(nodes: tuple[RedisLive, RedisLive]) -> None:
    one, two = nodes
    topic = f"customer:{uuid.uuid4()}"
    admin = redis.asyncio.Redis.from_url(REDIS_URL)
    with two.subscribe(topic) as events:
        for connection in await admin.client_list():
            if connection["name"] == two.client_name:
                await admin.client_kill_filter(_id=connection["id"])
        await until(lambda: events.close_code is not None)
        assert events.close_code == TOO_SLOW
    await admin.aclose()
    with two.subscribe(topic) as events:
        one.publish(topic, {"n": 4})
        assert await first(events) == {"n": 4}


async def test_without_redis_the_own_readers_still_hear() -> None:
    live = RedisLive("redis://127.0.0.1:1/0")
    with live.subscribe(AGENTS) as events:
        live.publish(AGENTS, {"n": 1})
        assert await first(events) == {"n": 1}
    await live.close()


async def test_an_event_waits_until_redis_is_back(
    nodes: tuple[RedisLive, RedisLive], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = nodes
    publish, failures = one._redis.publish, [RedisError("away")]

    async def flaky(channel: str, payload: str) -> object:
        if failures:
            raise failures.pop()
        return await publish(channel, payload)

    monkeypatch.setattr(one._redis, "publish", flaky)
    topic = f"customer:{uuid.uuid4()}"
    with two.subscribe(topic) as events:
        one.publish(topic, {"n": 1})
        assert await first(events) == {"n": 1}


async def test_events_that_could_not_be_kept_send_the_others_readers_back(
    nodes: tuple[RedisLive, RedisLive], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = nodes
    monkeypatch.setattr(one, "_outgoing", asyncio.Queue(1))
    topic = f"customer:{uuid.uuid4()}"
    with two.subscribe(topic) as events:
        # The sender waits on the queue that was there before: whatever comes is too much.
        one.publish(topic, {"n": 1})
        one.publish(topic, {"n": 2})
        await one._send('{"node": "x", "topic": "t", "event": {}}')
        await until(lambda: events.close_code == TOO_SLOW)
