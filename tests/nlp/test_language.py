from __future__ import annotations

import pytest

from nlp.language import SERVED, UNKNOWN, identify
from nlp.recognisers import recognise
from nlp.types import Entity


@pytest.mark.parametrize(
    "text",
    [
        *(
            "hi",
            "ok thanks",
            "yes",
            "104823",
            "TT-104823",
            "it's 104823",
            "anna@example.com",
            "refund pls",
            "its broken",
        ),
        *(
            "size 10 uk",
            "the zip is stuck",
            "my tent leaks",
            "thanks a lot!",
            "😀",
            "",
            "   ",
            "???",
            "lost parcel",
        ),
        *("where is my parcel", "I paid twice", "cancel my order", "ok", "no", "cheers", "label?", "x" * 300),
    ],
)
def test_short_and_odd_messages_are_never_a_strange_language(text: str) -> None:
    code, score = identify(text, recognise(text))
    assert code in SERVED | {UNKNOWN}
    assert 0.0 <= score <= 1.0


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Where is my parcel? It was due on Monday.", "en"),
        ("Wo ist mein Paket?", "de"),
        ("Ich möchte meine Bestellung stornieren", "de"),
        ("Bonjour, je n'ai rien reçu", "fr"),
        ("¿Dónde está mi pedido?", "es"),
        ("Gdzie jest moja paczka?", "pl"),
        ("我的包裹在哪里？", "zh"),
        ("Где моя посылка?", "ru"),
        ("मेरा ऑर्डर कहाँ है", "hi"),
    ],
)
def test_sentences_are_told_apart(text: str, code: str) -> None:
    assert identify(text)[0] == code


def test_a_foreign_name_does_not_make_the_message_foreign() -> None:
    text = "Agnieszka Wojciechowska-Kowalczyk"
    name = Entity("person", text, 0, len(text), text, 0.9, "tagger")
    assert identify(text, [name]) == (UNKNOWN, 0.0)
