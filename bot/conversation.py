"""The spine: what happens to a customer's message, from the door to the door.

Store it and acknowledge it; understand it; hand off at once if it must be a person; otherwise
retrieve, draft and rank; let policy decide; record suggestions and decision in one transaction
with the end of the work; deliver. Every step may be run again after a crash and does nothing
twice. Knows no web framework, no SQL and no model: only storage's verbs, serving's lease, policy.
"""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from uuid import UUID

from bot import automatic, casefile
from bot.casefile import Case
from bot.ledger import Entry, Recorded, post_alone
from bot.live import Live
from bot.messages import ChannelName, HandOff, Inbound, Lease, Serving, Silent
from bot.news import News
from bot.policy import Policy
from nlp.types import Analysis, Draft
from storage import analyses, conversations, suggestions, work
from storage.database import Database, Transaction
from storage.errors import NotFound
from storage.records import Account, MessageKind, Received, Suggestion, Verdict, WorkItem
from storage.records import Conversation as Stored


class Conversation:
    """Messages in, decisions out. One instance serves every conversation of a node."""

    def __init__(self, db: Database, serving: Serving, policy: Policy, live: Live) -> None:
        self._db = db
        self._serving = serving
        self._policy = policy
        self._news = News(db, live)
        self.work_arrived = asyncio.Event()
        """Set when there is work for a worker of this node."""
        self.delivery_due = asyncio.Event()
        """Set when there is something to deliver."""

    async def close(self) -> None:
        """Let the last news go out; call it before the database is closed."""
        await self._news.close()

    @property
    def policy(self) -> Policy:
        """The rules as they are where no admin has set anything."""
        return self._policy

    @property
    def ready(self) -> bool:
        """Whether there are models to respond with."""
        return self._serving.ready

    # A customer's message, from the door to the door.

    async def receive(self, inbound: Inbound) -> Received:
        """Store a customer's message; when this returns it is committed and may be acknowledged.

        A repeat returns the stored message. Raises Conflict where its id was used for another text.
        """
        received = await self._db.write(
            lambda tx: conversations.receive(
                tx,
                customer_id=inbound.customer_id,
                channel=inbound.channel,
                text=inbound.text,
                client_msg_id=inbound.client_msg_id,
                channel_msg_id=inbound.channel_msg_id,
                thread=inbound.thread,
            )
        )
        self._tell(received)
        return received

    async def respond(self, item: WorkItem) -> None:
        """Do what is owed on one customer message. Raises what the models or the database raise."""
        started = time.perf_counter()
        case = await self._open(item)
        if case is None:
            await self._drop(item)
            return
        async with self._serving.lease() as brain:
            analysis = await self._understand(case, brain)
            hand_off = case.policy.triage(analysis, case.context())
            if hand_off is not None:
                await self._to_person(case.conversation, hand_off, case.policy, f"handoff/{item.message_id}")
            drafts = await self._draft(case, analysis, brain)
        rules, context = case.policy.of_version(brain.version), case.context()
        decision = hand_off or rules.decide(analysis, drafts, context)
        alone = rules.could_go_alone(analysis, drafts, context)
        candidates = casefile.candidate_records(drafts)
        entry = Entry(item, case, brain.version, decision, candidates, _milliseconds(started), alone)
        self._deliver(await self._db.write(entry.record))

    async def give_up(self, item: WorkItem, why: str) -> None:
        """End work that failed too often: agents see the message without drafts; nothing is lost."""
        case = await self._open(item)
        if case is None:
            await self._drop(item)
            return
        entry = Entry(item, case, "none", Silent(why), [], 0.0)
        self._deliver(await self._db.write(entry.record))

    async def _open(self, item: WorkItem) -> Case | None:
        async with self._db.read() as tx:
            return await casefile.open_case(tx, item, self._policy)

    async def _drop(self, item: WorkItem) -> None:
        await self._db.write(lambda tx: work.finish(tx, item.id))

    async def _understand(self, case: Case, brain: Lease) -> Analysis:
        """Read the message, once: an earlier try's reading by the same version is used again."""
        known = case.known_reading(brain.version)
        if known is not None:
            return known
        started = time.perf_counter()
        analysis = await brain.understand(case.message.text)
        record = casefile.analysis_record(case.message.id, brain.version, analysis, _milliseconds(started))
        vector = analysis.embedding.tobytes()
        await self._db.write(lambda tx: analyses.save_analysis(tx, record, embedding=vector))
        self._news.analysis(case.conversation.id, record)
        return analysis

    async def _draft(self, case: Case, analysis: Analysis, brain: Lease) -> list[Draft]:
        """Drafts, unless they would be stale before they are made or policy wants none."""
        if case.overtaken or not case.policy.wants_drafts(analysis):
            return []
        return await brain.suggest(case.request(analysis))

    def _deliver(self, recorded: Recorded | None) -> None:
        """Show agents what was decided, and let the outbox send what the bot answered."""
        if recorded is None:
            return
        suggestion = recorded.suggestion
        # Also where there is no draft: an agent who waits for one is told why there is none.
        shown = suggestion if suggestion.state == "open" or not suggestion.candidates else None
        self._news.suggestions(suggestion.conversation_id, shown)
        if recorded.answer is not None:
            self._tell(recorded.answer)
        self._news.conversation(suggestion.conversation_id)

    async def _to_person(self, current: Stored, hand_off: HandOff, policy: Policy, key: str) -> None:
        """Give a conversation to people; its customer is told, where we have served them so far or nobody is
        there to answer now."""

        async def store(tx: Transaction) -> list[Received]:
            now = await conversations.conversation(tx, current.id, for_update=True)
            if now.owner == "person":
                return []  # a person was faster
            line = f"Handed to a person: {hand_off.reason.replace('_', ' ')}"
            said = [await _post(tx, current.id, "activity", line, key)]
            if told := policy.at_hand_off(datetime.now(UTC), key):
                said.append(await post_alone(tx, current.id, told.text, key=told.key, answers=False))
            # Last, since from here on the bot may not speak.
            await conversations.mark_handoff(tx, current.id, hand_off.reason)
            return said

        for received in await self._db.write(store):
            self._tell(received)

    def _tell(self, received: Received) -> None:
        """After the commit: wake who has to do with it, and let open consoles and widgets know."""
        if received.duplicate:
            return
        message, current = received.message, received.conversation
        self._news.message(message, current.customer_id)
        if message.kind == "customer":
            self.work_arrived.set()
            self._news.suggestions(current.id, None)
        if message.delivery == "pending":
            self.delivery_due.set()
        self._news.conversation(current.id)

    # What the customer's side does besides writing.

    async def ask_for_person(self, customer_id: UUID, channel: ChannelName = "web") -> bool:
        """The customer pressed the button for a person; False where there is no conversation yet."""
        async with self._db.read() as tx:
            current = await conversations.current_conversation(tx, customer_id, channel)
            policy = await casefile.policy_in_force(tx, self._policy, channel)
        if current is None:
            return False
        if current.owner != "person":
            key = f"person/{current.last_seq}"
            await self._to_person(current, HandOff("asked_for_person"), policy, key)
        return True

    async def seen(self, conversation_id: UUID, up_to_seq: int) -> None:
        """The customer's side shows everything up to a message."""
        delivered = await self._db.write(
            lambda tx: conversations.mark_delivered(tx, conversation_id, up_to_seq)
        )
        self._news.delivery(conversation_id, delivered, "delivered")

    def typing(self, conversation_id: UUID, customer_id: UUID, *, who: str, name: str, on: bool) -> None:
        """Somebody types; `who` is "customer" or "agent". Nothing is stored."""
        self._news.typing(conversation_id, customer_id, who=who, name=name, on=on)

    # What agents do.

    async def reply(
        self,
        conversation_id: UUID,
        account: Account,
        text: str,
        client_msg_id: str,
        *,
        suggestion_id: UUID | None = None,
        position: int | None = None,
    ) -> Received:
        """An agent's answer, with what it made of the drafts. The conversation is theirs from now on.

        A repeat returns the stored message. Raises StaleSuggestion, AlreadyDecided, NotFound, Conflict.
        """

        async def store(tx: Transaction) -> tuple[Received, automatic.Turn | None]:
            received = await _post(tx, conversation_id, "agent", text, client_msg_id, account)
            if received.duplicate:
                return received, None
            settled = await _settle(tx, received, suggestion_id, position, account)
            return received, await automatic.look(tx, self._policy, settled)

        received, turn = await self._db.write(store)
        if not received.duplicate:  # by the time of a repeat there may be newer drafts
            self._news.suggestions(conversation_id, None)
        self._tell(received)
        self.turned(turn)
        return received

    async def note(self, conversation_id: UUID, account: Account, text: str, client_msg_id: str) -> Received:
        """A note for colleagues; customers never see it. A repeat returns the stored one."""
        received = await self._db.write(
            lambda tx: _post(tx, conversation_id, "note", text, client_msg_id, account)
        )
        self._tell(received)
        return received

    async def reject(self, suggestion_id: UUID, position: int | None, reason: str, account: Account) -> None:
        """An agent wants none of the drafts (position None) or not this one, and says why."""

        async def store(tx: Transaction) -> tuple[Suggestion, automatic.Turn | None]:
            await suggestions.reject(
                tx, suggestion_id=suggestion_id, position=position, reason=reason, account_id=account.id
            )
            left = await suggestions.suggestion(tx, suggestion_id)
            return left, await automatic.look(tx, self._policy, left.model_version)

        left, turn = await self._db.write(store)
        self._news.suggestions(left.conversation_id, left if left.state == "open" else None)
        self.turned(turn)

    async def judge(self, suggestion_id: UUID, verdict: Verdict | None, account: Account) -> None:
        """A person says whether a reply that went out alone was right; None takes it back.

        Raises NotFound for a reply that nobody was asked about.
        """

        async def store(tx: Transaction) -> automatic.Turn | None:
            return await automatic.judge(tx, self._policy, suggestion_id, verdict, account)

        self.turned(await self._db.write(store))

    def turned(self, turn: automatic.Turn | None) -> None:
        """Tell consoles that automatic replies have begun or stopped, after the commit."""
        if turn is not None:
            self._news.automatic(turn.version, on=turn.on, why=turn.why)

    async def take_over(self, conversation_id: UUID, account: Account) -> None:
        """An agent takes the conversation: the bot is silent in it from now on."""
        await self._db.write(lambda tx: conversations.take_over(tx, conversation_id, account.id))
        await self.changed(conversation_id)

    async def changed(self, conversation_id: UUID) -> None:
        """Tell everybody what a conversation looks like now, after a change made elsewhere."""
        self._news.conversation(conversation_id)


async def _post(
    tx: Transaction, conversation_id: UUID, kind: MessageKind, text: str, key: str, by: Account | None = None
) -> Received:
    author = None if by is None else by.id
    return await conversations.post(
        tx, conversation_id=conversation_id, kind=kind, text=text, author_id=author, client_msg_id=key
    )


async def _settle(
    tx: Transaction, sent: Received, suggestion_id: UUID | None, position: int | None, by: Account
) -> str | None:
    """Write down what became of the drafts; without a word about them they were passed over.

    The model version that made them, None where there were none.
    """
    if suggestion_id is None:
        shown = await suggestions.open_suggestion(tx, sent.conversation.id)
        if shown is None:
            return None
        suggestion_id, position = shown.id, None
    elif (await suggestions.suggestion(tx, suggestion_id)).conversation_id != sent.conversation.id:
        raise NotFound("this suggestion belongs to another conversation")
    decided = await suggestions.decide_sent(
        tx, suggestion_id=suggestion_id, position=position, final_text=sent.message.text, account_id=by.id
    )
    return decided.model_version


def _milliseconds(since: float) -> float:
    return (time.perf_counter() - since) * 1000.0
