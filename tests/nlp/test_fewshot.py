"""Intents are learned from a few examples, and what is like none of them is out of scope."""

from __future__ import annotations

import numpy as np
import pytest

from nlp.encoder import Encoder
from nlp.fewshot import ExampleIntents
from nlp.intents import OUT_OF_SCOPE

EXAMPLES = {
    "opening_hours": [
        "when do you open",
        "are you open on sunday",
        "what time do you close today",
        "opening times please",
    ],
    "refund": [
        "I want my money back",
        "where is my refund",
        "when will I be refunded",
        "has the refund been sent",
    ],
    "password": [
        "I can't log in",
        "reset my password",
        "forgot my password",
        "the password link does not work",
    ],
}


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return Encoder.load()


@pytest.fixture(scope="module")
def head(encoder: Encoder) -> ExampleIntents:
    texts = [text for group in EXAMPLES.values() for text in group]
    return ExampleIntents.fit(encoder.embed(texts), [name for name in EXAMPLES for _ in range(4)])


def test_messages_like_the_examples_are_read(encoder: Encoder, head: ExampleIntents) -> None:
    asked = ["do you open on saturdays", "I still have no refund", "my password is wrong"]
    assert [intent.name for intent in head.predict(encoder.embed(asked))] == list(EXAMPLES)
    assert head.labels == tuple(sorted(EXAMPLES))


def test_what_is_like_no_example_is_out_of_scope_unless_anything_goes(
    encoder: Encoder, head: ExampleIntents
) -> None:
    strange = encoder.embed(["who won the world cup in 1966", "write a poem about the sea"])
    assert {intent.name for intent in head.predict(strange)} == {OUT_OF_SCOPE}
    assert OUT_OF_SCOPE not in {intent.name for intent in head.predict(strange, anything=True)}


def test_scores_are_probabilities(encoder: Encoder, head: ExampleIntents) -> None:
    sure, unsure = head.predict(encoder.embed(["reset my password", "hello"]), anything=True)
    assert 0 < unsure.score < sure.score <= 1
    assert head.predict(np.zeros((0, 384), dtype=np.float32)) == []


def test_one_example_each_is_enough_to_begin(encoder: Encoder) -> None:
    head = ExampleIntents.fit(encoder.embed(["where is my refund", "reset my password"]), ["a", "b"])
    (intent,) = head.predict(encoder.embed(["the refund"]))
    assert intent.name == "a"


def test_a_single_intent_is_none(encoder: Encoder) -> None:
    with pytest.raises(ValueError, match="two intents"):
        ExampleIntents.fit(encoder.embed(["a", "b"]), ["same", "same"])
