"""The nouns of the front of house: what comes in, what goes out, what was decided.

Pure values, and the Protocols of the two sides that the spine stands between: channels, and where
brains are leased. Knows no database, no model and no web framework.
"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Literal, Protocol
from uuid import UUID

from nlp.types import Analysis, Draft, ReplyRequest

ChannelName = Literal["web", "slack"]
PolicyMode = Literal["off", "draft", "automatic"]


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does something that the audit log keeps: an account, or the command line or the schedule."""

    name: str
    account_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Inbound:
    """A customer's message as a channel delivered it, already authenticated."""

    channel: ChannelName
    customer_id: UUID
    text: str
    client_msg_id: str
    """Chosen by the sender; makes the send idempotent for ever."""
    channel_msg_id: str | None = None
    thread: str | None = None
    """The channel's own conversation key (a Slack thread); None means the customer's current conversation."""


@dataclass(frozen=True, slots=True)
class Outbound:
    """A message that we owe to a customer."""

    outbox_id: UUID
    channel: ChannelName
    conversation_id: UUID
    message_id: UUID
    customer_id: UUID
    text: str
    automatic: bool
    uncertain: bool = False
    """An earlier try ended without a report and may have got through: look before sending again."""


HandOffReason = Literal[
    "asked_for_person",
    "very_angry",
    "sensitive_intent",
    "unknown_language",
    "repeated_failure",
]


@dataclass(frozen=True, slots=True)
class HandOff:
    """A person must take it: nothing is sent by itself, and drafts, if any, are for the agent only."""

    reason: HandOffReason


@dataclass(frozen=True, slots=True)
class Suggest:
    """Put the drafts before an agent."""

    why: str


@dataclass(frozen=True, slots=True)
class Answer:
    """Send the draft at `index` by ourselves."""

    index: int


@dataclass(frozen=True, slots=True)
class Silent:
    """Do nothing: drafting is off, or a person owns the conversation and wants no drafts."""

    why: str


Decision = HandOff | Suggest | Answer | Silent


@dataclass(frozen=True, slots=True)
class Sent:
    """The channel took the message; `channel_msg_id` is its own id for it, if it has one."""

    channel_msg_id: str | None = None


class ChannelError(Exception):
    """A channel could not do its part.

    ChannelError
    |-- Refused          the other side will never take it: not tried again
    |-- OutcomeUnknown   it may have arrived and there is no way to tell: an agent must look
    `-- NotNow           certainly not taken; try again after `seconds`
    """


class Refused(ChannelError):
    """The other side will never take this message, such as a closed Slack channel."""


class OutcomeUnknown(ChannelError):
    """The message may have arrived; sending it again might send it twice."""


class NotNow(ChannelError):
    """The message was certainly not taken, such as by a rate limit; try again after `seconds`."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"not now, again in {seconds:.0f} s")
        self.seconds = seconds


class Channel(Protocol):
    """A door: two translators and nothing else. Inbound ones call Conversation.receive."""

    @property
    def name(self) -> ChannelName:
        """The channel whose messages it carries."""
        ...

    async def send(self, message: Outbound) -> Sent:
        """Hand one message to the customer's side.

        Raises Refused or OutcomeUnknown to end it, NotNow to have it sent later. After any other
        exception, or when it takes too long, it comes again with `uncertain` set.
        """
        ...


class Lease(Protocol):
    """One loaded brain for one message, from start to end; raises what its models raise."""

    @property
    def version(self) -> str:
        """Id of the model version."""
        ...

    async def understand(self, text: str) -> Analysis:
        """Read one message."""
        ...

    async def suggest(self, request: ReplyRequest) -> list[Draft]:
        """Retrieve, draft and rank: the best drafts first, none where none is good enough."""
        ...


class Serving(Protocol):
    """Where a brain is leased; nlp.serving is the real one."""

    @property
    def ready(self) -> bool:
        """Whether a brain is loaded."""
        ...

    def lease(self) -> AbstractAsyncContextManager[Lease]:
        """The live brain, kept whole until the block ends; raises where none is loaded."""
        ...
