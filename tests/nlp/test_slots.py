"""Values to slots and back, and what customers type that only looks like a slot."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from nlp import slots
from nlp.types import Entity

FACTS = {"return_days": "30 days", "refund_days": "5 working days", "shop_name": "Tern & Thistle"}


def entity(text: str, part: str, kind: str) -> Entity:
    start = text.index(part)
    return Entity(kind, part, start, start + len(part), part, 1.0, "recogniser")


def test_entities_become_slots_and_come_back() -> None:
    text = "It's Anna, order TT-104823."
    template = slots.delexicalise(
        text, [entity(text, "Anna", "person"), entity(text, "TT-104823", "order_id")]
    )
    assert template == "It's <|slot:customer_name|>, order <|slot:order_id|>."
    filled = slots.relexicalise(template, {"customer_name": "Anna", "order_id": "TT-104823"}, {})
    assert filled.text == text
    assert filled.unfilled == ()


def test_facts_become_slots_longest_first_whatever_their_case() -> None:
    template = slots.delexicalise("Within 30 Days; money in 5 working days.", (), FACTS)
    assert template == "Within <|slot:return_days|>; money in <|slot:refund_days|>."


def test_a_fact_wins_over_an_entity_at_the_same_place() -> None:
    text = "You have 30 days, TT-1."
    found = [entity(text, "30 days", "date"), entity(text, "TT-1", "order_id")]
    assert slots.delexicalise(text, found, FACTS) == "You have <|slot:return_days|>, <|slot:order_id|>."


def test_a_slot_without_a_value_is_left_open_and_named_once() -> None:
    template = "<|slot:eta_date|> or <|slot:eta_date|>, within <|slot:return_days|>"
    filled = slots.relexicalise(template, {}, FACTS)
    assert filled.text == "[eta date] or [eta date], within 30 days"
    assert filled.unfilled == ("eta_date",)


def test_a_typed_slot_token_stays_text() -> None:
    template = slots.delexicalise("my code is <|slot:email|>", ())
    assert slots.slots_in(template) == ()


def test_an_unknown_slot_name_is_text() -> None:
    assert slots.pieces("a <|slot:nonsense|> b") == [("a <|slot:nonsense|> b", None)]


def test_overlapping_entities_lose_no_text() -> None:
    text = "14 Quay Lane, Bristol"
    found = [entity(text, text, "address"), entity(text, "Bristol", "city")]
    assert slots.delexicalise(text, found) == "<|slot:address|>"


@given(st.text())
def test_pieces_lose_nothing(text: str) -> None:
    assert "".join(part for part, _ in slots.pieces(text)) == text


@given(st.text())
def test_text_without_values_is_filled_to_itself(text: str) -> None:
    template = slots.delexicalise(text, ())
    assert slots.relexicalise(template, {}, {}).text == template
    assert slots.slots_in(template) == ()
