"""The text of an article: what recurs comes in, what only one customer has said or been told stays out."""

from __future__ import annotations

import pytest

from bot.article_text import Question, Said, body, title

Spans = tuple[tuple[int, int], ...]


def told(number: int, *replies: str, customer: str | None = None, spans: Spans = ()) -> Said:
    return Said(f"k{number}", customer or f"c{number}", tuple((one, spans) for one in replies))


STEPS = "Choose the engraving on the product page. Then type up to twenty letters into the field."


def test_what_agents_say_again_and_again_is_the_body_in_their_order() -> None:
    said = [
        told(1, f"Hello and welcome to our shop. {STEPS}"),
        told(2, f"{STEPS} It takes two more days."),
        told(3, "Type up to twenty letters into the field.", "It takes two more days."),
        told(4, "Choose the engraving on the product page.", "It takes two more days."),
    ]
    lines = body(said, []).split("\n")
    assert lines[0] == "Choose the engraving on the product page." and lines[-1] == "It takes two more days."
    assert len(lines) == 3 and "welcome" not in "".join(lines)


@pytest.mark.parametrize(
    "said",
    [
        [told(n, "We engrave rings in our own workshop.") for n in (1, 2)],
        [told(n, "We engrave rings in our own workshop.", customer="one") for n in (1, 2, 3, 4)],
        [told(1, *["We engrave rings in our own workshop."] * 5)],
    ],
    ids=["two conversations", "one customer", "one conversation"],
)
def test_a_sentence_needs_three_conversations_of_two_customers(said: list[Said]) -> None:
    assert body(said, []) == ""


def test_a_word_that_one_customer_was_told_never_comes_in() -> None:
    words = ("fern", "oak", "elm", "ash")
    said = [told(n, f"Your secret word for the pickup is {word}.") for n, word in enumerate(words)]
    assert body(said, []) == "", "the same sentence, and each time another secret"
    said += [told(n, "Your secret word for the pickup is needed.") for n in (7, 8, 9)]
    assert body(said, []) == "Your secret word for the pickup is needed."


def test_values_stay_out_but_the_shops_own_facts() -> None:
    name = "We will ring Anna back before the evening."
    at = name.index("Anna")
    assert body([told(n, name, spans=((at, at + 4),)) for n in range(4)], []) == ""
    days = "You can send it back within 30 days for free."
    assert body([told(n, days) for n in range(4)], []) == ""
    assert body([told(n, days, spans=((28, 35),)) for n in range(4)], [], ["30 days"]) == days
    assert body([told(n, days) for n in range(4)], [], ["3", "30 da"]) == "", "only a whole value is a fact"


def test_what_agents_say_everywhere_belongs_to_no_topic() -> None:
    both = "We wish you a lovely day."
    topic = [told(n, both, "We engrave rings in our own workshop.") for n in range(4)]
    others = [told(n, both) for n in range(10, 20)]
    assert body(topic, others) == "We engrave rings in our own workshop."


def test_the_title_is_a_question_whose_every_word_two_customers_know() -> None:
    def asked(customer: str, text: str, spans: Spans = ()) -> Question:
        return Question(customer, text, spans)

    secret = asked("a", "Can you engrave Xiomara on it?")
    valued = asked("b", "Can you engrave order 4417?")
    plain = asked("c", "hello there. can you engrave it?")
    every = [secret, valued, plain, asked("d", "Can you engrave it please, hello there?")]
    assert title([secret, valued, plain], every) == "Can you engrave it?"
    assert title([secret, valued], every) is None
    named = asked("e", "Can you engrave it there?", spans=((20, 25),))
    assert title([named], every) is None
