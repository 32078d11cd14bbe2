"""The nouns of the language layer: what goes in, what a reading says, what a draft is.

Pure values and Protocols. Knows no model, no database, no customer and no web.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

Role = Literal["customer", "agent"]
Mood = Literal["negative", "neutral", "positive"]
Vector = NDArray[np.float32]
"""A unit vector of shape (384,), float32."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One utterance of a conversation; `text` is raw, as the person wrote it."""

    role: Role
    text: str


@dataclass(frozen=True, slots=True)
class Sentiment:
    """Probabilities of the three classes; they sum to 1."""

    negative: float
    neutral: float
    positive: float

    @property
    def label(self) -> Mood:
        """The most probable class."""
        scores: dict[Mood, float] = {
            "negative": self.negative,
            "neutral": self.neutral,
            "positive": self.positive,
        }
        return max(scores, key=lambda mood: scores[mood])

    @property
    def score(self) -> float:
        """Probability of the most probable class, 0..1."""
        return max(self.negative, self.neutral, self.positive)


@dataclass(frozen=True, slots=True)
class Entity:
    """A span `text == message[start:end]` (character offsets), with its normalised value."""

    type: str
    text: str
    start: int
    end: int
    value: str
    score: float
    source: Literal["recogniser", "tagger", "catalogue"]


OUT_OF_SCOPE = "out_of_scope"
"""The intent of a message that the shop's intents do not cover."""
UNSURE = 0.5
"""An intent that is less probable than this is not known to be the right one."""


@dataclass(frozen=True, slots=True)
class Intent:
    """What the customer wants; `score` is a probability."""

    name: str
    score: float

    def unsure(self, floor: float = UNSURE) -> bool:
        """Whether the head does not know what the message asks for."""
        return self.name == OUT_OF_SCOPE or self.score < floor


def asked_for(intents: Iterable[Intent]) -> tuple[str, ...]:
    """What a customer has clearly asked for, by the intents of their messages: in that order, each once."""
    return tuple(dict.fromkeys(one.name for one in intents if not one.unsure()))


@dataclass(frozen=True, slots=True)
class Analysis:
    """One reading of one message: made once, stored, shown, and used for the reply."""

    language: str
    """ISO 639-1 code, or "und" where the text is too short or unclear to tell."""
    language_score: float
    sentiment: Sentiment
    entities: tuple[Entity, ...]
    intent: Intent
    embedding: Vector


EvidenceKind = Literal["reply", "article"]


@dataclass(frozen=True, slots=True)
class Evidence:
    """A past agent reply or a help article that a draft may lean on; `text` is delexicalised."""

    kind: EvidenceKind
    id: str
    title: str
    text: str
    score: float
    """Cosine of the query and the evidence, -1..1."""


DraftSource = Literal["generated", "reply", "article"]


@dataclass(frozen=True, slots=True)
class Draft:
    """One candidate reply, filled in for this conversation.

    `template` is the delexicalised form, with slots such as <|slot:order_id|>; `text` has the
    values in place and every slot that could not be filled left as "[order id]" and named
    in `unfilled`. `score` is the ranker's score in 0..1.
    """

    text: str
    template: str
    score: float
    source: DraftSource
    evidence: tuple[Evidence, ...] = ()
    unfilled: tuple[str, ...] = ()
    features: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class KnowledgeItem:
    """One thing to remember, raw as it was written.

    For a past reply, `turns` is the conversation before it, oldest first, and `text` what the agent
    answered; for an article, `text` is its body and there are no turns.
    """

    kind: EvidenceKind
    id: str
    title: str
    text: str
    turns: tuple[Turn, ...] = ()
    intent: str = ""


@dataclass(frozen=True, slots=True)
class ReplyRequest:
    """Everything the reply engine may look at for one message."""

    turns: Sequence[Turn]
    """The conversation so far, oldest first, ending with the customer's message."""
    analysis: Analysis
    facts: Mapping[str, str]
    """The shop's facts: fact name to value, such as {"return_days": "30 days"}."""
    values: Mapping[str, str]
    """This conversation's own values by slot name, latest mention wins, such as {"order_id": "TT-10482"}."""
    count: int = 3
    earlier: Sequence[Intent] = ()
    """Of the customer's messages before the newest one, oldest first."""

    @property
    def asked_for(self) -> tuple[str, ...]:
        """What the customer has clearly asked for so far; "order TT-10482" alone asks for nothing."""
        return asked_for([*self.earlier, self.analysis.intent])


class Brain(Protocol):
    """One loaded set of models and what it remembers. Its methods block: call them off the event loop."""

    @property
    def version(self) -> str:
        """Id of the model version, stored with everything it made."""
        ...

    def understand(self, texts: Sequence[str]) -> list[Analysis]:
        """Read messages, one encoder pass for the batch."""
        ...

    def suggest(self, requests: Sequence[ReplyRequest]) -> list[list[Draft]]:
        """Draft replies, best first, at most `count` each; an empty list where none is good enough."""
        ...

    @property
    def unread(self) -> int:
        """Items of the shop's knowledge that it has not read yet; until then it suggests without them."""
        ...

    def read_on(self) -> None:
        """Read a few more of them, a second's work at most."""
        ...
