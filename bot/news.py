"""What open consoles and widgets are told after a commit, and who is told what.

Always called after the transaction: news of something that was rolled back would be a lie. A
customer hears of messages to and from them, of typing and of their conversation's state; never of
notes, readings or drafts. Knows views and topics; changes nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from uuid import UUID

from bot import views
from bot.live import AGENTS, Live, customer_topic
from storage import inbox
from storage.database import Database
from storage.records import AnalysisRecord, Message, Suggestion

log = logging.getLogger(__name__)


class News:
    """Publishes live events. Lines of the inbox are read in the background, so nobody waits for them."""

    def __init__(self, db: Database, live: Live) -> None:
        self._db = db
        self._live = live
        self._changed: dict[UUID, None] = {}
        self._telling: asyncio.Task[None] | None = None

    async def close(self) -> None:
        """Wait for what is still to be told."""
        if self._telling is not None:
            await self._telling

    def message(self, message: Message, customer_id: UUID) -> None:
        """A message was stored. What we owe a customer reaches them by delivery, not from here."""
        self._live.publish(AGENTS, views.message_event(message))
        if message.kind == "customer":
            # The customer's other tabs.
            self._live.publish(customer_topic(customer_id), views.customer_message_event(message))

    def analysis(self, conversation_id: UUID, record: AnalysisRecord) -> None:
        """A message was read."""
        self._live.publish(AGENTS, views.analysis_event(conversation_id, record))

    def suggestions(self, conversation_id: UUID, suggestion: Suggestion | None) -> None:
        """There are new drafts, or none any more."""
        self._live.publish(AGENTS, views.suggestions_event(conversation_id, suggestion))

    def conversation(self, conversation_id: UUID) -> None:
        """Something about a conversation changed: soon its whole line of the inbox, as it is then.

        Many changes in a short time become one event.
        """
        self._changed[conversation_id] = None
        if self._telling is None or self._telling.done():
            self._telling = asyncio.create_task(self._tell_changed(), name="news")

    async def _tell_changed(self) -> None:
        while self._changed:
            changed, self._changed = self._changed, {}
            try:
                await self._tell_all(list(changed))
            except Exception as error:  # news must not end with one bad moment
                # Consoles read the database again when they reconnect or reload.
                log.warning("news: some changes went untold: %s", type(error).__name__)

    async def _tell_all(self, conversation_ids: Sequence[UUID]) -> None:
        async with self._db.read() as tx:
            for conversation_id in conversation_ids:
                summary = await inbox.summary(tx, conversation_id)
                if summary is None:
                    continue
                self._live.publish(AGENTS, views.summary_event(summary))
                event = views.customer_conversation_event(summary.conversation)
                self._live.publish(customer_topic(summary.customer.id), event)

    def automatic(self, version: str, *, on: bool, why: str) -> None:
        """Automatic replies by a model version have begun or stopped."""
        self._live.publish(AGENTS, views.automatic_event(version, on=on, why=why))

    def delivery(self, conversation_id: UUID, message_ids: Sequence[UUID], state: str) -> None:
        """Messages were sent, delivered or not."""
        if message_ids:
            self._live.publish(AGENTS, views.delivery_event(conversation_id, list(message_ids), state))

    def typing(self, conversation_id: UUID, customer_id: UUID, *, who: str, name: str, on: bool) -> None:
        """Somebody types: agents hear of customers and colleagues, the customer of agents only."""
        event = views.typing_event(conversation_id, who=who, name=name, on=on)
        self._live.publish(AGENTS, event)
        if who == "agent":
            self._live.publish(customer_topic(customer_id), event)
