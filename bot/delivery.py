"""The outbox worker: what we owe to whom, handed to its channel, in order, and never twice by us.

Each attempt ends in a report: sent, try again, refused, or nobody knows. An attempt without one (we
died) comes again marked uncertain, and the channel looks before it sends. A channel that hangs or
fails holds up its own conversations only. Knows the outbox and the Channel protocol, no channel.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import cast

from bot import views
from bot.live import AGENTS, Live
from bot.messages import Channel, ChannelName, NotNow, Outbound, OutcomeUnknown, Refused, Sent
from bot.pump import Pump
from storage import outbox
from storage.database import Database
from storage.records import OutboxItem

LEASE_SECONDS = 60.0
SEND_SECONDS = 15.0
"""The longest one attempt may take; well within the lease."""
LONGEST_PAUSE = 60.0
MOST_ATTEMPTS = 500
"""About eight hours of trying."""
AT_ONCE = 256
AT_ONCE_PER_CHANNEL = 64
"""So many sends a channel may have open; the others' turns are not its to take."""
CROWDED_SECONDS = 5.0

log = logging.getLogger(__name__)


class Delivery:
    """Sends until it is stopped; `node` is the name under which it claims, unique to the process."""

    def __init__(
        self, db: Database, channels: Mapping[str, Channel], live: Live, *, node: str, due: asyncio.Event
    ) -> None:
        self._db = db
        self._channels = channels
        self._live = live
        self._node = node
        self._open: Counter[str] = Counter()
        self._pump: Pump[OutboxItem] = Pump(
            "delivery",
            claim=self._claim,
            handle=self.handle,
            release=lambda: db.write(lambda tx: outbox.release_all(tx, node)),
            wake=due,
            at_once=AT_ONCE,
        )

    @property
    def alive(self) -> bool:
        """Whether the loop runs."""
        return self._pump.alive

    async def start(self) -> None:
        """Take up what an earlier process of this name left, and begin."""
        await self._db.write(lambda tx: outbox.release_all(tx, self._node))
        self._pump.start()

    async def stop(self, grace: float = 5.0) -> None:
        """Finish what runs within `grace` seconds; what does not finish comes again, as uncertain."""
        await self._pump.stop(grace)

    async def _claim(self, free: int) -> Sequence[OutboxItem]:
        return await self._db.write(
            lambda tx: outbox.claim(tx, limit=free, node=self._node, lease_seconds=LEASE_SECONDS)
        )

    async def handle(self, item: OutboxItem) -> None:
        """One attempt at one message, and its report."""
        channel = self._channels.get(item.channel)
        if channel is None or self._open[item.channel] >= AT_ONCE_PER_CHANNEL:
            # Longer each time, since every try counts towards MOST_ATTEMPTS.
            pause = max(CROWDED_SECONDS, backoff(item.attempts))
            await self._again(item, pause, "no free door", uncertain=item.uncertain)
            return
        self._open[item.channel] += 1
        try:
            async with asyncio.timeout(SEND_SECONDS):
                sent = await channel.send(_outbound(item))
        except Refused as error:
            await self._ended(item, "failed", error)
        except OutcomeUnknown as error:
            await self._ended(item, "unknown", error)
        except NotNow as later:
            await self._again(item, later.seconds, "not now", uncertain=item.uncertain)
        except Exception as error:  # a channel may raise anything; it may have sent before it failed
            await self._again(item, backoff(item.attempts), type(error).__name__, uncertain=True)
        else:
            await self._sent(item, sent)
        finally:
            self._open[item.channel] -= 1

    async def _sent(self, item: OutboxItem, sent: Sent) -> None:
        await self._db.write(lambda tx: outbox.sent(tx, item.id, sent.channel_msg_id))
        self._tell(item, "sent")

    async def _ended(self, item: OutboxItem, state: str, error: Exception) -> None:
        kind = type(error).__name__
        log.warning("delivery: a message ended as %s on %s: %s", state, item.channel, kind)
        end = outbox.failed if state == "failed" else outbox.unknown
        if await self._db.write(lambda tx: end(tx, item.id, kind)):
            self._tell(item, state)

    async def _again(self, item: OutboxItem, seconds: float, error: str, *, uncertain: bool) -> None:
        if item.attempts >= MOST_ATTEMPTS:
            await self._ended(item, "unknown" if uncertain else "failed", Refused(error))
            return
        await self._db.write(
            lambda tx: outbox.retry(tx, item.id, seconds, error, node=self._node, uncertain=uncertain)
        )

    def _tell(self, item: OutboxItem, state: str) -> None:
        self._live.publish(AGENTS, views.delivery_event(item.conversation_id, [item.message_id], state))


def backoff(attempts: int) -> float:
    """Seconds until the next attempt: 1, 2, 4 ... 60."""
    return min(2.0 ** min(attempts - 1, 10), LONGEST_PAUSE)


def _outbound(item: OutboxItem) -> Outbound:
    return Outbound(
        outbox_id=item.id,
        channel=cast(ChannelName, item.channel),
        conversation_id=item.conversation_id,
        message_id=item.message_id,
        customer_id=item.customer_id,
        text=item.text,
        automatic=item.automatic,
        uncertain=item.uncertain,
    )
