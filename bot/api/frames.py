"""The WebSocket commands that we take and the events that we send, as tagged unions.

They are published in /openapi.json beside the routes. Pure shapes.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field

from bot.api import shapes, shapes_house
from bot.api.routing import Body, ClientMsgId, MessageText, SafeStr, Shape, Uuid

Seq = Annotated[int, Field(ge=0, le=2**53)]


class VisitorHello(Body):
    """The first frame of a customer: the visitor token and the last message seen."""

    type: Literal["hello"]
    token: Annotated[SafeStr, Field(min_length=20, max_length=200)]
    last_seq: Seq = 0


class Send(Body):
    """A message; a repeat of its client_msg_id is acknowledged again and stored once."""

    type: Literal["send"]
    client_msg_id: ClientMsgId
    text: MessageText


class Resume(Body):
    """Asks for everything after `last_seq`."""

    type: Literal["resume"]
    last_seq: Seq


class Seen(Body):
    """The customer has read up to `seq`."""

    type: Literal["seen"]
    seq: Seq


class CustomerTyping(Body):
    """The customer begins or stops typing."""

    type: Literal["typing"]
    on: bool


class AgentHello(Body):
    """The first frame of a console; the cookie says who it is."""

    type: Literal["hello"]


class Open(Body):
    """The agent looks at a conversation."""

    type: Literal["open"]
    conversation_id: Uuid


class AgentTyping(Body):
    """The agent begins or stops typing."""

    type: Literal["typing"]
    conversation_id: Uuid
    on: bool


CustomerCommand = Annotated[VisitorHello | Send | Resume | Seen | CustomerTyping, Field(discriminator="type")]
AgentCommand = Annotated[AgentHello | Open | AgentTyping, Field(discriminator="type")]


class Welcome(Shape):
    """The answer to a customer's hello: what they have missed."""

    type: Literal["welcome"]
    conversation: shapes.CustomerConversation | None
    messages: list[shapes.CustomerMessage]
    last_seq: int
    typing: bool


class CatchUp(Shape):
    """The answer to a resume."""

    type: Literal["catch_up"]
    messages: list[shapes.CustomerMessage]
    last_seq: int


class Ack(Shape):
    """The message is stored."""

    type: Literal["ack"]
    client_msg_id: str
    id: UUID
    seq: int
    conversation_id: UUID
    at: str
    duplicate: bool


class Trouble(Shape):
    """A command was refused; `client_msg_id` where it was a send."""

    type: Literal["error"]
    client_msg_id: str | None = None
    problem: shapes.Problem


class CustomerMessageEvent(Shape):
    """A new message."""

    type: Literal["message"]
    conversation_id: UUID
    message: shapes.CustomerMessage


class AgentMessageEvent(Shape):
    """A new message."""

    type: Literal["message"]
    conversation_id: UUID
    message: shapes.AgentMessage


class AnalysisEvent(Shape):
    """A message was read."""

    type: Literal["analysis"]
    conversation_id: UUID
    message_id: UUID
    analysis: shapes.Analysis


class SuggestionsEvent(Shape):
    """New suggestions, or none any more."""

    type: Literal["suggestions"]
    conversation_id: UUID
    suggestion: shapes.Suggestion | None


class SummaryEvent(Shape):
    """A line of the inbox changed."""

    type: Literal["conversation"]
    conversation: shapes.Summary


class CustomerConversationEvent(Shape):
    """The customer's conversation changed."""

    type: Literal["conversation"]
    conversation: shapes.CustomerConversation


class TypingEvent(Shape):
    """Somebody types or stopped."""

    type: Literal["typing"]
    conversation_id: UUID
    who: Literal["customer", "agent"]
    name: str
    on: bool


class DeliveryEvent(Shape):
    """Messages were sent, delivered or not."""

    type: Literal["delivery"]
    conversation_id: UUID
    message_ids: list[UUID]
    state: str


class AutomaticEvent(Shape):
    """Automatic replies by a model version have begun or stopped."""

    type: Literal["automatic"]
    version: str
    on: bool
    why: str


class ErasedEvent(Shape):
    """A customer was erased: nothing of theirs is there any more."""

    type: Literal["erased"]
    customer_id: UUID


class AgentWelcome(Shape):
    """The answer to a console's hello."""

    type: Literal["welcome"]
    account: shapes_house.Account


class Opened(Shape):
    """The answer to open: fetch the messages after your own last one if `last_seq` is higher."""

    type: Literal["opened"]
    conversation_id: UUID
    last_seq: int


CustomerEvent = (
    Welcome
    | CatchUp
    | Ack
    | Trouble
    | CustomerMessageEvent
    | CustomerConversationEvent
    | TypingEvent
    | DeliveryEvent
)
AgentEvent = (
    AgentWelcome
    | Opened
    | Trouble
    | AgentMessageEvent
    | AnalysisEvent
    | SuggestionsEvent
    | SummaryEvent
    | TypingEvent
    | DeliveryEvent
    | AutomaticEvent
    | ErasedEvent
)


def trouble(problem: dict[str, Any], client_msg_id: str | None = None) -> dict[str, Any]:
    """The error event of a refused command."""
    said: dict[str, Any] = {"type": "error", "problem": problem}
    if client_msg_id is not None:
        said["client_msg_id"] = client_msg_id
    return said
