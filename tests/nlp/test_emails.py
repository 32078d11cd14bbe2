from __future__ import annotations

import pytest

from nlp.emails import find_emails


@pytest.mark.parametrize(
    ("text", "part", "value"),
    [
        ("write to Anna.K@Example.com.", "Anna.K@Example.com", "anna.k@example.com"),
        ("my email is john at gmail dot com thanks", "john at gmail dot com", "john@gmail.com"),
        ("ann dot lee at mail dot co dot uk", "ann dot lee at mail dot co dot uk", "ann.lee@mail.co.uk"),
        ("ann underscore lee at yahoo.com", "ann underscore lee at yahoo.com", "ann_lee@yahoo.com"),
        ("john_doe(at)example.com", "john_doe(at)example.com", "john_doe@example.com"),
        ("anna @ gmail . com. Thanks", "anna @ gmail . com", "anna@gmail.com"),
        ("it's anna@gmail", "anna@gmail", "anna@gmail"),
        ("email annagmail.com", "annagmail.com", "annagmail.com"),
        ("annakgmailcom and my phone", "annakgmailcom", "annakgmailcom"),
    ],
)
def test_an_address_is_found_as_typed_as_spoken_and_with_signs_left_out(
    text: str, part: str, value: str
) -> None:
    assert [(text[start:end], address) for start, end, address, _ in find_emails(text)] == [(part, value)]


@pytest.mark.parametrize(
    "text",
    [
        "I bought it at argos.co.uk",
        "I bought it at argos dot com",
        "meet me at home. In a week",
        "my account at yahoo is locked",
        "yahoo.com is down, so is gmail",
        "see www.yahoo.com and https://mail.yahoo.com/x",
        "2 shirts @ 15 each",
    ],
)
def test_shops_and_sites_are_no_address(text: str) -> None:
    assert list(find_emails(text)) == []
