"""The async door to the brain: batches, failures that reach everybody, swaps that mix nothing."""

from __future__ import annotations

import asyncio
import threading
import time
import weakref
from collections.abc import Sequence

import numpy as np
import pytest

from nlp.serving import NotLoaded, Overloaded, Serving
from nlp.types import Analysis, Draft, Intent, ReplyRequest, Sentiment
from tests.fakes import until


class SlowBrain:
    """A brain that waits to be let go and notes the size of its batches."""

    def __init__(self, version: str) -> None:
        self.version = version
        self.go = threading.Event()
        self.go.set()
        self.batches: list[int] = []
        self.fail = False
        self.unread = 0
        self.read_at: list[int] = []

    def read_on(self) -> None:
        self.go.wait(5)
        self.read_at.append(len(self.batches))
        if self.fail:
            raise RuntimeError("broken")
        self.unread -= 1

    def understand(self, texts: Sequence[str]) -> list[Analysis]:
        self.go.wait(5)
        self.batches.append(len(texts))
        if self.fail:
            raise RuntimeError("broken")
        mood = Sentiment(0.0, 1.0, 0.0)
        vector = np.zeros(384, dtype=np.float32)
        return [Analysis("en", 1.0, mood, (), Intent(text, 1.0), vector) for text in texts]

    def suggest(self, requests: Sequence[ReplyRequest]) -> list[list[Draft]]:
        self.go.wait(5)
        return [[Draft(self.version, self.version, 1.0, "generated")] for _ in requests]


async def read(serving: Serving, text: str) -> str:
    async with serving.lease() as brain:
        return (await brain.understand(text)).intent.name


async def test_what_waits_together_is_one_batch_and_each_gets_its_own() -> None:
    brain = SlowBrain("1")
    brain.go.clear()
    serving = await Serving.start(lambda: brain)
    tasks = [asyncio.create_task(read(serving, str(i))) for i in range(20)]
    await asyncio.sleep(0.05)
    brain.go.set()
    assert await asyncio.gather(*tasks) == [str(i) for i in range(20)]
    assert sum(brain.batches) == 20 and len(brain.batches) <= 2
    await serving.close()


async def test_a_failure_reaches_every_waiter_and_the_next_batch_works() -> None:
    brain = SlowBrain("1")
    brain.fail = True
    serving = await Serving.start(lambda: brain)
    results = await asyncio.gather(*(read(serving, "x") for _ in range(3)), return_exceptions=True)
    assert all(isinstance(r, RuntimeError) for r in results)
    brain.fail = False
    assert await read(serving, "y") == "y"
    await serving.close()


async def test_a_lease_keeps_its_version_through_a_swap() -> None:
    old, new = SlowBrain("old"), SlowBrain("new")
    serving = await Serving.start(lambda: old)
    async with serving.lease() as leased:
        await serving.swap(lambda: new)
        request = ReplyRequest([], await leased.understand("x"), {}, {})
        assert (await leased.suggest(request))[0].text == "old" == leased.version
    async with serving.lease() as leased:
        assert (await leased.suggest(request))[0].text == "new" == leased.version
    await serving.close()


async def test_a_failed_swap_leaves_the_old_brain() -> None:
    serving = await Serving.start(lambda: SlowBrain("old"))

    def broken() -> SlowBrain:
        raise OSError("no such folder")

    with pytest.raises(OSError, match="folder"):
        await serving.swap(broken)
    assert serving.version == "old"
    assert await read(serving, "x") == "x"
    await serving.close()


async def test_the_old_brain_does_not_read_on_while_a_new_one_loads_and_does_where_that_fails() -> None:
    old = SlowBrain("old")
    serving = await Serving.start(lambda: old)
    await asyncio.sleep(0.05)
    old.go.clear()
    old.unread = 50
    waiting = asyncio.create_task(read(serving, "x"))
    seen: list[int] = []

    def broken() -> SlowBrain:
        seen.append(len(old.read_at))
        time.sleep(0.1)
        seen.append(len(old.read_at))
        raise OSError("no such folder")

    swapping = asyncio.create_task(serving.swap(broken))
    await asyncio.sleep(0.05)
    old.go.set()
    with pytest.raises(OSError, match="folder"):
        await swapping
    assert await waiting == "x"
    assert len(set(seen)) == 1
    await settled(old, 0)
    await serving.close()


async def test_without_a_brain_a_lease_is_refused() -> None:
    serving = Serving()
    with pytest.raises(NotLoaded):
        await read(serving, "x")
    await serving.close()


async def test_too_much_is_refused_at_once() -> None:
    brain = SlowBrain("1")
    brain.go.clear()
    serving = await Serving.start(lambda: brain, queue_limit=4, most_readings=1)
    tasks = [asyncio.create_task(read(serving, "x")) for _ in range(12)]
    await asyncio.sleep(0.05)
    brain.go.set()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    refused = [r for r in results if isinstance(r, Overloaded)]
    assert refused
    assert all(r == "x" for r in results if not isinstance(r, Overloaded))
    await serving.close()


async def test_closing_lets_nobody_wait_for_ever() -> None:
    brain = SlowBrain("1")
    brain.go.clear()
    serving = await Serving.start(lambda: brain, most_readings=1)
    tasks = [asyncio.create_task(read(serving, "x")) for _ in range(3)]
    await asyncio.sleep(0.05)
    brain.go.set()
    await serving.close()
    await asyncio.wait(tasks, timeout=5)
    assert all(t.done() for t in tasks)


async def test_a_brain_that_answers_too_little_fails_its_batch_only() -> None:
    brain = SlowBrain("1")
    understand = brain.understand
    brain.understand = lambda texts: []  # type: ignore[method-assign]
    serving = await Serving.start(lambda: brain)
    async with asyncio.timeout(10):
        with pytest.raises(ValueError, match="zip"):
            await read(serving, "x")
        brain.understand = understand  # type: ignore[method-assign]
        assert await read(serving, "y") == "y"
    await serving.close()


async def settled(brain: SlowBrain, unread: int) -> None:
    async with asyncio.timeout(5):
        while brain.unread > unread:
            await asyncio.sleep(0.01)


async def test_while_nothing_waits_the_brain_reads_on_and_then_rests() -> None:
    brain = SlowBrain("1")
    brain.unread = 3
    serving = await Serving.start(lambda: brain)
    await settled(brain, 0)
    await asyncio.sleep(0.05)
    assert len(brain.read_at) == 3 and serving.unread == 0
    assert await read(serving, "x") == "x"
    await serving.close()


async def test_customers_go_before_what_is_to_be_read() -> None:
    brain = SlowBrain("1")
    brain.go.clear()
    brain.unread = 50
    serving = await Serving.start(lambda: brain, most_readings=1)
    await asyncio.sleep(0.05)
    tasks = [asyncio.create_task(read(serving, "x")) for _ in range(5)]
    await asyncio.sleep(0.05)
    brain.go.set()
    await asyncio.gather(*tasks)
    await settled(brain, 0)
    # One slice was running when the customers came; none between them.
    assert brain.read_at[0] == 0 and set(brain.read_at[1:]) == {5}
    await serving.close()


async def test_a_busy_shop_is_read_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nlp.serving.PATIENCE", 0.0)
    brain = SlowBrain("1")
    brain.go.clear()
    brain.unread = 4
    serving = await Serving.start(lambda: brain, most_readings=1)
    tasks = [asyncio.create_task(read(serving, "x")) for _ in range(5)]
    await asyncio.sleep(0.05)
    brain.go.set()
    await asyncio.gather(*tasks)
    assert brain.unread < 4
    await serving.close()


async def test_what_cannot_be_read_is_left_and_customers_are_served() -> None:
    brain = SlowBrain("1")
    brain.unread, brain.fail = 3, True
    serving = await Serving.start(lambda: brain)
    await asyncio.sleep(0.05)
    brain.fail = False
    assert await read(serving, "x") == "x"
    assert len(brain.read_at) == 1 and serving.unread == 3
    await serving.close()


async def test_a_new_brain_reads_on_after_a_swap() -> None:
    serving = await Serving.start(lambda: SlowBrain("old"))
    await asyncio.sleep(0.05)
    brain = SlowBrain("new")
    brain.unread = 2
    await serving.swap(lambda: brain)
    await settled(brain, 0)
    await serving.close()


async def test_brains_that_were_swapped_away_are_gone_though_there_never_is_a_pause() -> None:
    """A busy shop: something waits at every moment of twenty swaps."""
    gone: list[weakref.ref[SlowBrain]] = []
    serving = await Serving.start(lambda: SlowBrain("1"), most_readings=1)
    reading, busy = asyncio.Event(), True

    async def customer(name: str) -> None:
        while busy:
            await read(serving, name)
            reading.set()

    customers = [asyncio.create_task(customer(str(number))) for number in range(4)]
    for number in range(2, 22):
        brain = SlowBrain(str(number))
        gone.append(weakref.ref(brain))
        await serving.swap([brain].pop)
        del brain
        reading.clear()
        await reading.wait()
    await until(lambda: sum(one() is not None for one in gone) == 1)
    busy = False
    await asyncio.gather(*customers)
    await serving.close()


async def test_while_nothing_waits_only_the_brain_that_serves_is_kept() -> None:
    first = SlowBrain("1")
    gone = weakref.ref(first)
    serving = await Serving.start([first].pop)
    del first
    assert await read(serving, "hello") == "hello"
    await serving.swap(lambda: SlowBrain("2"))
    await until(lambda: gone() is None)
    await serving.close()
