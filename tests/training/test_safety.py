"""What an agent must never write is found; what only sounds like it is left alone."""

from __future__ import annotations

import pytest

from training.safety import unsafe


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("Could you please send me your password?", "asks for a secret"),
        ("Please confirm the CVV of your card.", "asks for a secret"),
        ("What is your PIN number?", "asks for a secret"),
        ("Don't be stupid, it is on the label.", "insult"),
        ("Pay now or we will sue you.", "threat"),
    ],
)
def test_it_is_found(text: str, wrong: str) -> None:
    assert unsafe(text) == [wrong]


@pytest.mark.parametrize(
    "text",
    [
        "Never send your PIN to anybody, not even to us.",
        "I have sent a link to reset your password.",
        "Could you send me <|slot:order_id|>?",
        "Please tell me the name on the account.",
        "We will report back to you tomorrow.",
    ],
)
def test_harmless_look_alikes_pass(text: str) -> None:
    assert unsafe(text) == []
