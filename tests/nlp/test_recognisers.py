from __future__ import annotations

import pytest

from nlp.recognisers import Catalogue, merge, recognise
from nlp.types import Entity


def found(text: str, catalogue: Catalogue | None = None) -> list[tuple[str, str]]:
    entities = recognise(text, catalogue or Catalogue())
    assert all(text[e.start : e.end] == e.text for e in entities)
    return [(e.type, e.value) for e in entities]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("TT-104823", "TT-104823"),
        ("where is tt104823?", "TT-104823"),
        ("it's tt 104823", "TT-104823"),
        ("104823", "104823"),
        ("it's 104823 thanks", "104823"),
        ("yes, #104823.", "104823"),
        ("order 104823 please", "104823"),
        ("My order number is 104823", "104823"),
        ("order no. 104823", "104823"),
        ("Order: #104823", "104823"),
        ("how can I cancel purchase 113542617735902?", "113542617735902"),
        ("order number TT-104823, not yet here", "TT-104823"),
    ],
)
def test_an_order_number_is_found_however_it_is_written(text: str, value: str) -> None:
    assert found(text) == [("order_id", value)]


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("TNT8842019375GB", "tracking_number", "TNT8842019375GB"),
        ("tracking is rm123456789gb", "tracking_number", "RM123456789GB"),
        ("parcel number 15501234567890 is stuck", "tracking_number", "15501234567890"),
        ("please send INV-2026-00418 again", "invoice_number", "INV-2026-00418"),
        ("invoice no 88213", "invoice_number", "88213"),
        ("my account number is 88213345", "account_id", "88213345"),
        ("Write to Anna.K@Example.com.", "email", "anna.k@example.com"),
        ("call 020 7946 0182", "phone", "+442079460182"),
        ("+49 30 901820", "phone", "+4930901820"),
        ("pay with 4111 1111 1111 1111", "card", "4111111111111111"),
        ("pay with 4111 1111 1111 1112", "card", "4111111111111112"),
        ("my card no is 7412 8963 1236", "card", "741289631236"),
        ("the card ending in 4417", "card", "4417"),
        ("last four digits of my debit card are 4417", "card", "4417"),
        ("account number is 7655 9876 3456", "account_id", "765598763456"),
        ("my account number is 456212", "account_id", "456212"),
        ("booking reference KX77120", "order_id", "KX77120"),
        ("mobile no 12345678", "phone", "12345678"),
        ("newark ny 13760 7163902964", "phone", "+447163902964"),
        ("0161 496 0182 ext 12", "phone", "+441614960182"),
        ("on the 9th of March. Thanks", "date", "9th of March"),
        ("by 9 Aug. please", "date", "9 Aug."),
        ("the day after tomorrow", "date", "day after tomorrow"),
        ("at 7 25 p.m.", "time", "7 25 p.m."),
        ("at 5:30 in the afternoon", "time", "5:30 in the afternoon"),
        ("GB82 WEST 1234 5698 7654 32 is mine", "iban", "GB82WEST12345698765432"),
        ("see https://ternandthistle.example/track.", "url", "https://ternandthistle.example/track"),
        ("I paid £1,245.90", "amount", "£1,245.90"),
        ("that's 20 quid", "amount", "20 quid"),
        ("on 12 March 2026", "date", "2026-03-12"),
        ("since last Tuesday", "date", "last Tuesday"),
        ("ordered 03/04/2026", "date", "03/04/2026"),
        ("at 5pm", "time", "5pm"),
        ("4111 1111 1111 1112", "card", "4111111111111112"),
        ("my card ending in 4242 was charged", "card", "4242"),
        ("anna dot k at gmail dot com", "email", "anna.k@gmail.com"),
        ("until 17:30", "time", "17:30"),
        ("my code WELCOME10 fails", "coupon_code", "WELCOME10"),
        ("bs1 4qa", "address", "BS1 4QA"),
        ("do you ship to new zealand", "country", "new zealand"),
    ],
)
def test_values_of_a_known_form_are_found(text: str, kind: str, value: str) -> None:
    assert found(text) == [(kind, value)]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "size 10 please, two of them",
        "I have 3 kids and 250 followers",
        "is the code case sensitive",
        "may I return it in the box",
        "How may I help you today?",
        "Have a great day today",
        "order two more of them",
        "the XL one, 100% wool, 1.5 kg",
        "my card was declined",
        "in order to track it",
        "😀😀😀",
    ],
)
def test_ordinary_words_and_numbers_are_left_alone(text: str) -> None:
    assert found(text) == []


def test_products_of_the_catalogue_win_and_keep_their_spelling() -> None:
    catalogue = Catalogue(["Brae sleeping bag", "Brae sleeping bag XL", "Kittiwake kids' wellies"])
    assert found("the brae  sleeping bag xl and KITTIWAKE KIDS’ WELLIES", catalogue) == [
        ("product", "Brae sleeping bag XL"),
        ("product", "Kittiwake kids' wellies"),
    ]
    assert found("brae sleeping bags", catalogue) == []


@pytest.mark.parametrize(
    "text",
    [
        "How may I help you today?",
        "How can I assist you with your order today?",
        "Is there anything else I can do for you today?",
        "Thank you for contacting us today.",
        "thanks for shopping with Tern today",
        "Have a great day today!",
        "how are you doing today",
        "What brings you in today?",
        "thats all i need today",
        "no nothing else for today",
        "thank you for all your help today",
    ],
)
def test_today_in_a_greeting_or_thanks_is_no_date(text: str) -> None:
    assert found(text) == []
    assert merge(text, recognise(text), [guess("date", text, "today")]) == ()


@pytest.mark.parametrize(
    "text",
    ["I need it today", "the item I bought today", "what time today?", "what can I do to get it today?"],
)
def test_today_is_a_date_where_a_day_is_meant(text: str) -> None:
    assert found(text) == [("date", "today")]


def guess(kind: str, text: str, part: str) -> Entity:
    start = text.index(part)
    return Entity(kind, part, start, start + len(part), part, 0.8, "tagger")


def test_a_street_and_its_postcode_become_one_address() -> None:
    text = "14 Quay Lane, Bristol, BS1 4QA please"
    merged = merge(text, recognise(text), [guess("address", text, "14 Quay Lane, Bristol")])
    assert [(e.type, e.text) for e in merged] == [("address", "14 Quay Lane, Bristol, BS1 4QA")]


def test_a_guess_that_contradicts_a_recogniser_is_dropped() -> None:
    text = "order 104823 by anna"
    merged = merge(text, recognise(text), [guess("time", text, "104823"), guess("person", text, "anna")])
    assert [(e.type, e.text) for e in merged] == [("order_id", "104823"), ("person", "anna")]


def test_a_name_that_holds_a_country_is_one_name() -> None:
    text = "my name is jamaica joseph"
    merged = merge(text, recognise(text), [guess("person", text, "jamaica joseph")])
    assert [(e.type, e.text) for e in merged] == [("person", "jamaica joseph")]


def test_a_sure_guess_stands_against_a_number_that_only_looks_like_an_order() -> None:
    assert found("13102018") == [("order_id", "13102018")]
    merged = merge("13102018", recognise("13102018"), [guess("date", "13102018", "13102018")])
    assert [(e.type, e.text) for e in merged] == [("date", "13102018")]


def test_an_address_that_runs_on_into_a_phone_number_is_cut_off_there() -> None:
    text = "798 south mill st houston ph 2155550140"
    merged = merge(text, recognise(text), [guess("address", text, text)])
    assert [(e.type, e.text) for e in merged] == [
        ("address", "798 south mill st houston"),
        ("phone", "2155550140"),
    ]


def test_two_lines_of_an_address_are_both_kept() -> None:
    text = "28030 Edeby 55"
    merged = merge(
        text, recognise(text), [guess("address", text, "28030"), guess("address", text, "Edeby 55")]
    )
    assert [e.text for e in merged] == ["28030", "Edeby 55"]


@pytest.mark.parametrize(
    "piece",
    [
        " ",
        "1",
        "a",
        "order ",
        "1-",
        "order 1-",
        "@",
        "a.",
        "0 ",
        "é",
        "(",
        "£1,",
        "a dot ",
        "1 ",
        "0 1 ",
        "a at ",
        "help ",
        "account 12 ",
        "card ending ",
        "gmail",
        "call me at ",
        "you today ",
    ],
)
def test_a_page_of_one_sign_comes_to_an_end(piece: str) -> None:
    """Patterns that backtrack without bound would hang here for hours."""
    text = ("order" + piece * 8000)[:8000] + "_"
    assert all(text[e.start : e.end] == e.text for e in recognise(text))
