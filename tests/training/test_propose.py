"""Moments are put before people without hints, and never with replies of their own half."""

from __future__ import annotations

import random

from nlp.slots import token
from nlp.types import ReplyRequest
from tests.fakes import reading
from training.corpus import Dialogue
from training.propose import half, line
from training.questions import Question

TURNS = (
    ("customer", "hi"),
    ("agent", "Hello! What is it about?"),
    ("customer", f"order {token('order_id')}"),
    ("agent", "On it."),
)
QUESTION = Question(Dialogue("d", "d", TURNS), 3, ReplyRequest([], reading(), {}, {}))  # type: ignore[arg-type]


def test_a_line_is_the_moment_and_its_candidates_in_any_order() -> None:
    made = line(QUESTION, [f"I look for {token('order_id')}.", "b", "c", "d"], random.Random(3))
    assert made["moment"] == "d/3"
    assert made["turns"] == ["hi", "Hello! What is it about?", "order {order_id}"]
    assert sorted(made["replies"]) == ["I look for {order_id}.", "b", "c", "d"]  # type: ignore[call-overload]
    assert made["replies"] != ["I look for {order_id}.", "b", "c", "d"]


def test_variants_of_one_conversation_are_in_one_half() -> None:
    names = [f"conversation-{n}" for n in range(200)]
    halves = [half(Dialogue(name, name, ())) for name in names]
    assert 60 < sum(halves) < 140
    assert half(Dialogue("conversation-1~4", "conversation-1", ())) == halves[1]
