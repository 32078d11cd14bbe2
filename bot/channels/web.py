"""The web door, outwards: a message of ours reaches the customer's open widgets as a live event.

Whoever is not connected finds it by their cursor when they come back, so showing it is all there is
to sending it, and doing it twice does no harm: a widget knows messages by their seq. The inward half
is bot/api. Knows live events and views.
"""

from __future__ import annotations

from bot import views
from bot.live import Live, customer_topic
from bot.messages import ChannelName, Outbound, Sent
from storage import conversations
from storage.database import Database


class WebChannel:
    """The Channel of the widget."""

    def __init__(self, db: Database, live: Live) -> None:
        self._db = db
        self._live = live

    @property
    def name(self) -> ChannelName:
        """The channel whose messages it carries."""
        return "web"

    async def send(self, message: Outbound) -> Sent:
        """Publish the message to the customer's widgets; raises NotFound or Unavailable of storage."""
        async with self._db.read() as tx:
            stored = await conversations.message(tx, message.message_id)
        self._live.publish(customer_topic(message.customer_id), views.customer_message_event(stored))
        return Sent()
