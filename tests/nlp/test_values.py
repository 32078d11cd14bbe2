"""Which values of a conversation a reply may use."""

from __future__ import annotations

from nlp.types import Entity
from nlp.values import conversation_values


def said(text: str, *found: tuple[str, str]) -> tuple[str, list[Entity]]:
    return text, [
        Entity(kind, part, text.index(part), text.index(part) + len(part), part, 1.0, "tagger")
        for kind, part in found
    ]


def test_the_latest_mention_wins() -> None:
    messages = [said("order 1111", ("order_id", "1111")), said("sorry, 2222", ("order_id", "2222"))]
    assert conversation_values(messages) == {"order_id": "2222"}


def test_only_the_writers_own_name_is_theirs() -> None:
    assert conversation_values([said("Maria promised to call", ("person", "Maria"))]) == {}
    assert conversation_values([said("this is Anna Kowalski", ("person", "Anna Kowalski"))]) == {
        "customer_name": "Anna Kowalski"
    }
    assert conversation_values([said("Where is it? Thanks, Tom", ("person", "Tom"))]) == {
        "customer_name": "Tom"
    }


def test_cards_are_never_repeated() -> None:
    assert conversation_values([said("4242424242424242", ("card", "4242424242424242"))]) == {}


def test_a_phone_number_stays_as_it_was_typed() -> None:
    text = "call 07700 900123"
    found = Entity("phone", "07700 900123", 5, 17, "+497700900123", 1.0, "recogniser")
    assert conversation_values([(text, [found])]) == {"phone": "07700 900123"}
