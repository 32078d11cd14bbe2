"""What we owe is sent once, in order, and one bad channel harms no other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from bot import delivery as delivery_module
from bot import pump
from bot.channels.web import WebChannel
from bot.delivery import LONGEST_PAUSE, Delivery, backoff
from bot.messages import Channel, Inbound, NotNow, OutcomeUnknown, Refused
from storage import conversations, outbox
from storage.records import Message
from tests.bot.house import House
from tests.fakes import FakeChannel, until


@pytest.fixture
async def web() -> FakeChannel:
    return FakeChannel("web")


@pytest.fixture
async def slack() -> FakeChannel:
    return FakeChannel("slack")


@pytest.fixture
async def delivery(house: House, web: FakeChannel, slack: FakeChannel) -> AsyncIterator[Delivery]:
    channels: dict[str, Channel] = {"web": web, "slack": slack}
    made = Delivery(house.db, channels, house.live, node="one", due=house.conversation.delivery_due)
    yield made
    await made.stop(grace=2.0)


@pytest.fixture(autouse=True)
def quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery_module, "backoff", lambda attempts: 0.01)
    monkeypatch.setattr(pump, "POLL_SECONDS", 0.05)


async def replies(house: House, *texts: str) -> None:
    """The customer writes on the web and an agent answers."""
    await house.says("hello")
    current = await house.current()
    for n, text in enumerate(texts):
        await house.conversation.reply(current.id, house.agent, text, f"a-{text}-{n}")


async def replies_in_slack(house: House, text: str) -> None:
    received = await house.conversation.receive(
        Inbound("slack", house.customer.id, "hi", "s-1", thread="C:1")
    )
    await house.conversation.reply(received.conversation.id, house.agent, text, f"s-{text}")


async def state(house: House, text: str) -> Message:
    return next(message for message in await house.messages() if message.text == text)


async def settled(house: House) -> None:
    async with asyncio.timeout(10):
        while True:
            async with house.db.read() as tx:
                if await outbox.depth(tx) == 0:
                    return
            await asyncio.sleep(0.01)


def test_the_pauses_double_up_to_a_minute() -> None:
    assert [backoff(n) for n in (1, 2, 3, 4, 7, 50)] == [1.0, 2.0, 4.0, 8.0, LONGEST_PAUSE, LONGEST_PAUSE]


async def test_a_reply_is_sent_and_agents_are_told(
    house: House, delivery: Delivery, web: FakeChannel
) -> None:
    await delivery.start()
    await replies(house, "Soon.")
    await settled(house)
    assert [message.text for message in web.sent] == ["Soon."]
    assert not web.sent[0].uncertain
    stored = await state(house, "Soon.")
    assert (stored.delivery, stored.channel_msg_id) == ("sent", "web-1")
    events = [event for event in await house.heard(house.console) if event["type"] == "delivery"]
    assert [(event["message_ids"], event["state"]) for event in events] == [([str(stored.id)], "sent")]


async def test_replies_of_a_conversation_keep_their_order_through_failures(
    house: House, delivery: Delivery, web: FakeChannel
) -> None:
    web.failures.extend([OSError("reset"), OSError("reset")])
    await delivery.start()
    await replies(house, "one", "two", "three")
    await settled(house)
    assert [message.text for message in web.sent] == ["one", "two", "three"]


async def test_after_a_failure_the_channel_is_told_to_look_first(
    house: House, delivery: Delivery, web: FakeChannel
) -> None:
    web.failures.append(OSError("reset"))
    await delivery.start()
    await replies(house, "one")
    await settled(house)
    assert [message.uncertain for message in web.sent] == [True]


async def test_a_rate_limit_leaves_no_doubt(house: House, delivery: Delivery, web: FakeChannel) -> None:
    web.failures.append(NotNow(0.01))
    await delivery.start()
    await replies(house, "one")
    await settled(house)
    assert [message.uncertain for message in web.sent] == [False]


@pytest.mark.parametrize(
    ("error", "expected"), [(Refused("closed"), "failed"), (OutcomeUnknown("?"), "unknown")]
)
async def test_what_can_not_be_sent_ends_and_frees_the_next(
    house: House, delivery: Delivery, web: FakeChannel, error: Exception, expected: str
) -> None:
    web.failures.append(error)
    await delivery.start()
    await replies(house, "one", "two")
    await settled(house)
    assert (await state(house, "one")).delivery == expected
    assert [message.text for message in web.sent] == ["two"]


async def test_a_dead_channel_does_not_hold_the_others(
    house: House, delivery: Delivery, web: FakeChannel, slack: FakeChannel
) -> None:
    slack.broken = OSError("no route")
    await delivery.start()
    await replies_in_slack(house, "in Slack")
    await replies(house, "on the web")
    await until(lambda: len(web.sent) == 1)
    slack.broken = None
    await settled(house)
    assert [message.text for message in slack.sent] == ["in Slack"]


async def test_a_hanging_channel_takes_only_its_own_places(
    house: House, delivery: Delivery, web: FakeChannel, slack: FakeChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery_module, "AT_ONCE_PER_CHANNEL", 1)
    monkeypatch.setattr(delivery_module, "CROWDED_SECONDS", 0.01)
    slack.hold = asyncio.Event()
    await delivery.start()
    for n in range(3):
        await house.conversation.receive(Inbound("slack", house.customer.id, "hi", f"s-{n}", thread=f"C:{n}"))
        async with house.db.read() as tx:
            thread = await conversations.current_conversation(tx, house.customer.id, "slack", f"C:{n}")
        assert thread is not None
        await house.conversation.reply(thread.id, house.agent, f"slack {n}", f"a-{n}")
    await replies(house, "on the web")
    await until(lambda: len(web.sent) == 1)
    assert slack.sent == []
    slack.hold.set()
    slack.hold = None
    await settled(house)
    assert sorted(message.text for message in slack.sent) == ["slack 0", "slack 1", "slack 2"]


async def test_a_send_that_hangs_is_cut_off_and_doubted(
    house: House, delivery: Delivery, web: FakeChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery_module, "SEND_SECONDS", 0.05)
    web.hold = asyncio.Event()
    await delivery.start()
    await replies(house, "one")
    await asyncio.sleep(0.1)
    web.hold = None
    await settled(house)
    assert [message.uncertain for message in web.sent] == [True]


async def test_a_restart_sends_what_a_dead_process_had_claimed_and_doubts_it(
    house: House, delivery: Delivery, web: FakeChannel
) -> None:
    await replies(house, "one")
    claimed = await house.db.write(lambda tx: outbox.claim(tx, limit=9, node="one", lease_seconds=600))
    assert len(claimed) == 1
    await delivery.start()
    await settled(house)
    assert [message.uncertain for message in web.sent] == [True]


async def test_the_web_channel_shows_the_message_to_the_customers_widgets(house: House) -> None:
    channels: dict[str, Channel] = {"web": WebChannel(house.db, house.live)}
    delivery = Delivery(house.db, channels, house.live, node="one", due=house.conversation.delivery_due)
    await delivery.start()
    await replies(house, "Soon.")
    await settled(house)
    await delivery.stop()
    shown = [event["message"] for event in await house.heard(house.widget) if event["type"] == "message"]
    assert [(message["kind"], message["text"], message["seq"]) for message in shown] == [
        ("customer", "hello", 1),
        ("agent", "Soon.", 2),
    ]
    assert shown[1]["author_name"] == "Moira"


async def test_waiting_for_a_free_door_takes_longer_each_time(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery_module, "backoff", lambda attempts: 40.0)
    closed = Delivery(house.db, {}, house.live, node="one", due=house.conversation.delivery_due)
    await replies(house, "one")
    (item,) = await house.db.write(lambda tx: outbox.claim(tx, limit=9, node="one", lease_seconds=600))
    before = datetime.now(UTC)
    await closed.handle(item)
    async with house.db.read() as tx:
        put_back = await outbox.item(tx, item.id)
    assert put_back.state == "pending"
    assert put_back.due_at >= before + timedelta(seconds=40)
