"""Length, tone and apologies of replies."""

from __future__ import annotations

import pytest

from nlp.manner import APOLOGY, Manner, apologetic

SHORT = "We open at nine."
LONG = SHORT + " That is Monday to Saturday; on Sundays and public holidays the shop stays closed all day."
WARM = "Hi! Sure, we're happy to help, no worries!"
STIFF = "The order will be dispatched once the payment has been received by the bank."


def test_usual_leaves_every_candidate_its_worth() -> None:
    assert [Manner().weight(text) for text in (SHORT, LONG, WARM, STIFF)] == [1.0] * 4


def test_length_and_tone_prefer_what_they_say() -> None:
    assert Manner(length="short").weight(SHORT) > Manner(length="short").weight(LONG)
    assert Manner(length="long").weight(LONG) > Manner(length="long").weight(SHORT)
    assert Manner(tone="friendly").weight(WARM) > Manner(tone="friendly").weight(STIFF)
    assert Manner(tone="formal").weight(STIFF) > Manner(tone="formal").weight(WARM)


@pytest.mark.parametrize("text", ["", "x", WARM * 50])
def test_a_weight_is_a_share(text: str) -> None:
    for length in ("short", "long"):
        for tone in ("formal", "friendly"):
            assert 0.0 <= Manner(length=length, tone=tone).weight(text) <= 1.0  # type: ignore[arg-type]


def test_an_angry_customer_is_told_sorry_first_and_only_once() -> None:
    assert Manner().said(SHORT, 0.9, "") == f"{APOLOGY} {SHORT}"
    assert Manner().said(SHORT, 0.2, "") == SHORT
    assert Manner().said(SHORT, 0.9, "I'm so sorry. Which order is it?") == SHORT
    assert Manner().said("Thank you for telling us.", 0.95, "") == "Thank you for telling us."
    assert Manner(apologise=False).said(SHORT, 0.9, "") == SHORT


def test_an_apology_stands_behind_the_greeting_and_is_not_said_twice() -> None:
    assert apologetic("Hi <|slot:customer_name|>, it is late.") == (
        f"Hi <|slot:customer_name|>, {APOLOGY} it is late."
    )
    assert apologetic("Hello! It is late.") == f"Hello! {APOLOGY} It is late."
    assert apologetic("We apologise for the delay.") == "We apologise for the delay."
