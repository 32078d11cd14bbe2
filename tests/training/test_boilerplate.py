"""What mail programs add is cut, and what support says stays, however often it says it."""

from __future__ import annotations

import pytest

from training.boilerplate import automatic, recurring, without_boilerplate

ANSWER = "Your parcel is with the courier and comes tomorrow."


@pytest.mark.parametrize(
    "under",
    [
        "Sent from my iPhone",
        "Kind regards,\nAnna\nAcme Support Team",
        "Best regards",
        "--\nAnna Bell\nTel 0117 496 0000",
        "This e-mail is confidential and intended only for the person it is addressed to.",
        "Please do not reply to this email.",
        "On Mon, 3 Mar 2025 at 10:14, Tom <tom@example.com> wrote:\n> where is my parcel?",
    ],
)
def test_what_stands_under_an_answer_is_cut(under: str) -> None:
    assert without_boilerplate(f"{ANSWER}\n\n{under}") == ANSWER


@pytest.mark.parametrize(
    "text",
    [
        f"{ANSWER}\nIs there anything else I can help you with?",
        "Cheers!",
        "1. Open the app\n2. Choose Returns\n3. Print the label",
        "Best\nwould be the blue one, which we have in stock.",
        "Follow the link to unsubscribe from the newsletter",
        "From: Leeds\nTo: York",
        "您好，您的订单已发货。\n祝您生活愉快",
    ],
)
def test_what_a_person_says_stays(text: str) -> None:
    assert without_boilerplate(text) == text


def test_a_line_under_very_many_answers_goes_only_if_it_says_nothing() -> None:
    house = "Acme Outdoor Ltd | 12 Mill Road | Bristol"
    offer = "Is there anything else I can help you with?"
    step = "Restart the router"
    texts = [f"Answer number {n}.\n{(house, offer, step)[n % 3]}" for n in range(90)]
    shared = recurring(texts)
    assert shared == {house.lower()}
    assert without_boilerplate(texts[0], shared) == "Answer number 0."
    assert without_boilerplate(texts[1], shared) == texts[1]
    assert recurring(texts[:30]) == frozenset(), "ten times is not very many"


@pytest.mark.parametrize(
    ("text", "machine"),
    [
        ("Automatic reply: we are closed until Monday.", True),
        ("This is an automated message. Your ticket is in the queue.", True),
        ("Thanks for your mail, I'm currently out of the office until 3 May.", True),
        ("I assure you this is not an automated response.", False),
        ("The automated reply that you got was sent too early, sorry.", False),
        ("Your request has been received, I will call you tomorrow.", False),
    ],
)
def test_an_automatic_reply_is_told_by_its_head(text: str, machine: bool) -> None:
    assert automatic(text) is machine
