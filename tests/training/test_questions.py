"""Written conversations become questions, and things to remember."""

from __future__ import annotations

from nlp.slots import token
from nlp.types import Role
from training.corpus import Dialogue
from training.questions import help_items, past_replies
from training.values import Filler


def test_every_answer_of_an_agent_is_remembered_with_what_led_to_it() -> None:
    turns: tuple[tuple[Role, str], ...] = (
        ("agent", "Welcome."),
        ("customer", f"where is {token('order_id')}"),
        ("agent", f"I look for {token('order_id')}."),
    )
    (item,) = past_replies([Dialogue("d", "d", turns, intent="order_status")], Filler({}, (), seed=1))
    assert (item.kind, item.id) == ("reply", "d/2")
    assert [turn.role for turn in item.turns] == ["agent", "customer"]
    value = item.turns[1].text.removeprefix("where is ")
    assert item.text == f"I look for {value}."
    assert "slot" not in value


def test_articles_are_remembered_with_the_facts_filled_in() -> None:
    (item,) = help_items([("Returns", f"You have {token('return_days')}.")], {"return_days": "30 days"})
    assert (item.kind, item.title, item.text) == ("article", "Returns", "You have 30 days.")
