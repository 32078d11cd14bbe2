"""Copies are found whatever their values; conversations that only begin alike are no copies."""

from __future__ import annotations

import random

import pytest

from nlp.encoder import Encoder
from nlp.types import Turn
from training.twins import clusters, copies, exchange, runs

WORDS = (
    "parcel late order refund size colour courier address label paid price shop blue green week day".split()
)


def said(seed: int, words: int = 120) -> list[str]:
    rng = random.Random(seed)
    return [rng.choice(WORDS) + str(rng.randrange(40)) for _ in range(words)]


def talk(words: list[str]) -> list[Turn]:
    return [Turn("customer", " ".join(words[:30])), Turn("agent", " ".join(words[30:]))]


def test_a_few_changed_words_are_still_the_same_conversation() -> None:
    first, other = said(1), said(2)
    copy = [*first[:50], "now", *first[51:90], "today", *first[91:]]
    assert copies([runs(talk(words)) for words in (first, other, copy, first)]) == {2: 0, 3: 0}


def test_a_shared_beginning_makes_no_copy() -> None:
    first, other = said(1), said(2)
    assert copies([runs(talk(words)) for words in (first, [*first[:60], *other[60:]])]) == {}


def test_the_exchange_is_what_the_customer_came_for() -> None:
    turns = [
        Turn("agent", "Hello, how may I help you?"),
        Turn("customer", "hi"),
        Turn("agent", "Hello!"),
        Turn("customer", "where is my parcel please"),
        Turn("agent", "Let me look."),
    ]
    assert exchange(turns) == ("hi where is my parcel please", "Let me look.")
    assert exchange(turns[:3]) == ("hi", "Hello!")
    assert exchange(turns[3:4]) == ("where is my parcel please", "")


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return Encoder.load("cpu")


def test_paraphrases_are_in_one_cluster_and_the_same_question_answered_otherwise_is_not(
    encoder: Encoder,
) -> None:
    found = clusters(
        ["a", "b", "c", "d"],
        [
            ("I would like to return an item, I bought the wrong size", "Sure, can I have your full name?"),
            ("Please, how long do refunds take?", "Five working days after we have the parcel."),
            ("Hi, I want to return an item, I bought the wrong size", "Sure, could I have your full name?"),
            ("I would like to return an item, I bought the wrong size", "Sale items can't be returned."),
        ],
        encoder.embed,
    )  # fmt: skip
    assert found == {"a": "a", "b": "b", "c": "a", "d": "d"}
