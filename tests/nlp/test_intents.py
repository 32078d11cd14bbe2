from __future__ import annotations

import pytest

from nlp.encoder import Encoder
from nlp.heads import Heads
from nlp.intents import OUT_OF_SCOPE
from nlp.types import Intent

CLEAR = [
    ("where is my order", "order_status"),
    ("I want to cancel my order", "order_cancel"),
    ("I forgot my password", "password_reset"),
    ("can I speak to a human please", "talk_to_person"),
    ("hello", "greeting"),
    ("what's the capital of Mongolia", OUT_OF_SCOPE),
]


@pytest.fixture(scope="module")
def heads() -> Heads:
    return Heads.load("nlp/starter/heads")


@pytest.fixture(scope="module")
def intents(heads: Heads) -> dict[str, Intent]:
    texts = [text for text, _ in CLEAR]
    return dict(zip(texts, heads.intents.predict(Encoder.load().tokens(texts)), strict=True))


@pytest.mark.parametrize(("text", "name"), CLEAR)
def test_clear_requests_are_understood(intents: dict[str, Intent], text: str, name: str) -> None:
    assert intents[text].name == name


def test_a_score_is_a_probability_of_a_known_intent(heads: Heads, intents: dict[str, Intent]) -> None:
    assert len(set(heads.intents.labels)) == len(heads.intents.labels) >= 2
    for intent in intents.values():
        assert intent.name in heads.intents.labels
        assert 0 < intent.score <= 1
