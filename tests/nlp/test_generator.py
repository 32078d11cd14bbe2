"""Drafts fill only known slots, and a reply is judged behind the conversation, not behind evidence."""

from __future__ import annotations

import pytest

from nlp.generator import Generator
from nlp.prompts import Prompt
from nlp.registry import STARTER_FOLDER
from nlp.slots import token

LATE = Prompt(
    (("customer", "Where is my parcel? It should have been here on Monday."),), intent="delivery_late"
)
TRACE = "I'm sorry it is late. Could you send me the order number, so that I can ask the courier?"
SIZES = "The size guide on the product page says how each one is cut."


@pytest.fixture(scope="module")
def generator() -> Generator:
    return Generator.load(STARTER_FOLDER / "reply")


def test_a_fitting_reply_is_more_probable(generator: Generator) -> None:
    ((trace, sizes),) = generator.logprobs([LATE], [[TRACE, SIZES]])
    assert 0 > trace > sizes


def test_evidence_does_not_make_a_reply_more_probable(generator: Generator) -> None:
    shown = Prompt(LATE.turns, near=(SIZES,), article=SIZES, intent=LATE.intent)
    assert generator.logprobs([shown], [[SIZES]]) == generator.logprobs([LATE], [[SIZES]])


def test_nothing_given_is_nothing_scored(generator: Generator) -> None:
    assert generator.logprobs([], []) == []
    nothing, one = generator.logprobs([LATE, LATE], [[], [TRACE]])
    assert nothing == [] and len(one) == 1


def test_drafts_use_no_slot_that_can_not_be_filled(generator: Generator) -> None:
    asked = Prompt(
        (("customer", f"My order {token('order_id')} is late"),), near=(f"Look at {token('email')}.",)
    )
    (drafts,) = generator.draft([asked], [frozenset({"order_id"})])
    assert drafts
    assert all(token("email") not in draft.template for draft in drafts)
