"""Passwords leave a text; what is said about passwords stays."""

from __future__ import annotations

import pytest

from nlp import slots
from nlp.passwords import MASK, masked


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("my password is amber-falcon-47 and it no longer works", "amber-falcon-47"),
        ("Your passcode: kR9$xT2w", "kR9$xT2w"),
        ("I log in with the password Amber7falcon.", "Amber7falcon"),
        ("The password for my account is Sommer.", "Sommer"),
        ("the password on file is 'hunter2'", "hunter2"),
        ("please use kR9xT2w as your new password", "kR9xT2w"),
        ("My PIN is 4021, why is it refused?", "4021"),
        ("the security word was Bramble!", "Bramble"),
    ],
)
def test_a_password_is_masked_and_the_sentence_stays(text: str, secret: str) -> None:
    assert masked(text) == text.replace(secret, MASK)


@pytest.mark.parametrize(
    "text",
    [
        "Your password is case sensitive.",
        "The password is sent by e-mail.",
        "Please reset your password at https://shop.example/account1",
        "I forgot my password and need help with order TT-104823",
        "use your e-mail as your password hint",
        "A password must have 8 characters",
        "is your password OK? I have 2 accounts",
    ],
)
def test_what_is_said_about_passwords_stays(text: str) -> None:
    assert masked(text) == text


def test_a_half_recognised_password_goes_whole_and_a_slot_stays() -> None:
    half = f"Your password is {slots.token('customer_name')}-falcon-47, change it soon"
    assert masked(half) == f"Your password is {MASK}, change it soon"
    whole = f"My PIN is {slots.token('order_id')}, why is it refused?"
    assert masked(whole) == whole
