from __future__ import annotations

import pytest
import torch

from nlp.encoder import Encoder
from nlp.heads import Heads
from nlp.sentiment import MOODS, SentimentHead
from nlp.types import Mood, Sentiment

STARTER = "nlp/starter/heads"


@pytest.fixture(scope="module")
def moods() -> dict[str, Sentiment]:
    """One pass over all messages of this file."""
    texts = [text for text, _ in CLEAR]
    return dict(zip(texts, Heads.load(STARTER).sentiment.predict(Encoder.load().tokens(texts)), strict=True))


CLEAR: list[tuple[str, Mood]] = [
    ("This is the worst service I have ever had, I am furious.", "negative"),
    ("Nobody answers and my money is gone.", "negative"),
    ("Thank you so much, you have been wonderful!", "positive"),
    ("I love the jacket, it fits perfectly.", "positive"),
    ("What are your opening hours on Saturday?", "neutral"),
    ("How do I return a jumper?", "neutral"),
]


@pytest.mark.parametrize(("text", "mood"), CLEAR)
def test_clear_messages_are_read_rightly(moods: dict[str, Sentiment], text: str, mood: Mood) -> None:
    assert moods[text].label == mood


def test_the_three_probabilities_sum_to_one(moods: dict[str, Sentiment]) -> None:
    for mood in moods.values():
        assert mood.negative + mood.neutral + mood.positive == pytest.approx(1)
        assert 1 / 3 <= mood.score <= 1


def test_a_higher_temperature_makes_a_head_less_sure() -> None:
    torch.manual_seed(1)
    head = SentimentHead()
    head.encoder.serve("cpu")
    head.eval()
    tokens = Encoder.load().tokens(["I am not sure what to say."])
    sharp = head.predict(tokens)[0]
    head.temperature = 10.0
    assert head.predict(tokens)[0].score < sharp.score
    assert len(MOODS) == 3
