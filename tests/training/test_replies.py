"""The figures on suggestions, on questions whose answers can be worked out by hand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from nlp.slots import token
from nlp.types import ReplyRequest, Role
from tests.fakes import reading
from training.corpus import Dialogue
from training.replies import Question, figures, help_items, hit_at_1, past_replies, sendable
from training.values import Filler
from training.verdicts import Verdict

WORDS = {"yes": 0, "no": 1, "maybe": 2}
SLANTED = "nearly"
"""A text between "yes" and "no": cosine 0.8 and 0.6."""


def embed(texts: Sequence[str]) -> np.ndarray:
    """Each known text along its own axis, unit vectors of shape (n, 4)."""
    out = np.zeros((len(texts), 4), dtype=np.float32)
    for row, text in enumerate(texts):
        if text == SLANTED:
            out[row, :2] = 0.866, 0.5
        else:
            out[row, WORDS.get(text, 3)] = 1.0
    return out


def asked(*truths: str) -> list[Question]:
    request = ReplyRequest([], reading(), {}, {})
    turns = [(("customer", "?"), ("agent", truth)) for truth in truths]
    return [Question(Dialogue(str(n), str(n), t), 1, request) for n, t in enumerate(turns)]


def test_similarity_is_that_of_the_first_or_of_the_best_of_three() -> None:
    found = figures(asked("yes", "no"), [["no", "yes", "maybe"], [SLANTED, "maybe"]], embed)
    assert found["n"] == 2
    assert found["similarity_at_1"] == pytest.approx((0.0 + 0.5) / 2, abs=1e-3)
    assert found["similarity_at_3"] == pytest.approx((1.0 + 0.5) / 2, abs=1e-3)
    assert (found["good_at_1"], found["good_at_3"]) == (0.0, 0.5)


def test_only_the_first_three_count() -> None:
    found = figures(asked("yes"), [["no", "no", "no", "yes"]], embed)
    assert found["similarity_at_3"] == 0.0


def test_silence_counts_as_nothing_and_is_told() -> None:
    found = figures(asked("yes", "yes"), [[], ["yes"]], embed)
    assert found["silent"] == 0.5
    assert found["similarity_at_1"] == found["good_at_1"] == 0.5


def test_repeated_runs_of_four_words_are_counted() -> None:
    # "a b c d" stands twice among the five runs of four of the first, and no run repeats in the second.
    found = figures(asked("yes", "yes"), [["a b c d a b c d"], ["one two three four"]], embed)
    assert found["repeated_4gram_rate"] == pytest.approx(1 / 6, abs=1e-4)
    assert figures(asked("yes"), [["yes"]], embed)["repeated_4gram_rate"] == 0.0


def test_the_true_reply_among_others() -> None:
    truths = embed(["yes", "no", "maybe"])
    right, wrong = truths, embed(["no", "maybe", "yes"])
    assert hit_at_1(truths, right, truths, among=3, seed=1) == 1.0
    assert hit_at_1(truths, wrong, truths, among=3, seed=1) == 0.0
    half = embed(["yes", "no", "yes"])
    assert hit_at_1(truths, half, truths, among=3, seed=1) == pytest.approx(2 / 3)


def test_people_say_what_is_sendable_and_what_nobody_judged_counts_as_not() -> None:
    questions = asked("yes", "no")
    verdicts = [
        Verdict("0/1", (), "yes", True),
        Verdict("1/1", (), "yes", False),
        Verdict("1/1", (), "maybe", True),
    ]
    found = sendable(questions, [["yes", "unheard"], ["yes", "maybe"]], verdicts)
    assert found == {"n": 2, "judged": 0.75, "at_1": 0.5, "at_3": 1.0}


def test_every_answer_of_an_agent_is_remembered_with_what_led_to_it() -> None:
    turns: tuple[tuple[Role, str], ...] = (
        ("agent", "Welcome."),
        ("customer", f"where is {token('order_id')}"),
        ("agent", f"I look for {token('order_id')}."),
    )
    (item,) = past_replies([Dialogue("d", "d", turns, intent="order_status")], Filler({}, (), seed=1))
    assert (item.kind, item.id) == ("reply", "d/2")
    assert [turn.role for turn in item.turns] == ["agent", "customer"]
    value = item.turns[1].text.removeprefix("where is ")
    assert item.text == f"I look for {value}."
    assert "slot" not in value


def test_articles_are_remembered_with_the_facts_filled_in() -> None:
    (item,) = help_items([("Returns", f"You have {token('return_days')}.")], {"return_days": "30 days"})
    assert (item.kind, item.title, item.text) == ("article", "Returns", "You have 30 days.")
