"""The figures on suggestions, on questions whose answers can be worked out by hand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from nlp.slots import token
from nlp.types import ReplyRequest
from tests.fakes import reading
from training.corpus import Dialogue
from training.questions import Question
from training.replies import Judge, closed, hits_at_1, own_words, rouge_l, sendable
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
    found = Judge(asked("yes", "no"), embed).figures([["no", "yes", "maybe"], [SLANTED, "maybe"]])
    assert found["similarity_at_1"] == pytest.approx((0.0 + 0.5) / 2, abs=1e-3)
    assert found["similarity_at_3"] == pytest.approx((1.0 + 0.5) / 2, abs=1e-3)


def test_only_the_first_three_count() -> None:
    assert Judge(asked("yes"), embed).figures([["no", "no", "no", "yes"]])["similarity_at_3"] == 0.0


def test_silence_counts_as_nothing_and_is_told() -> None:
    found = Judge(asked("yes", "yes"), embed).figures([[], ["yes"]])
    assert found["coverage"] == found["similarity_at_1"] == found["rouge_l_at_1"] == 0.5


def test_repeated_runs_of_four_words_are_counted() -> None:
    # "a b c d" stands twice among the five runs of four of the first, and no run repeats in the second.
    found = own_words(["a b c d a b c d", "one two three four"])
    assert found["repeated_4gram_rate"] == pytest.approx(1 / 6)
    assert found["distinct_2"] == 7 / 10
    assert own_words(["yes"]) == {"repeated_4gram_rate": 0.0, "distinct_2": 0.0}


def test_rouge_l_is_that_of_the_published_example() -> None:
    # Lin (2004), section 3.1, with beta 1: "police the gunman" and "the gunman", of four words each.
    truth = "police killed the gunman"
    assert rouge_l("police kill the gunman", truth) == 0.75
    assert rouge_l("the gunman kill police", truth) == 0.5
    assert rouge_l("", truth) == 0.0


def test_a_slot_is_right_where_this_conversation_can_fill_it() -> None:
    request = ReplyRequest([], reading(), {"return_days": "30 days"}, {"order_id": "TT-1"})
    turns = (("customer", "?"), ("agent", f"{token('order_id')} in {token('return_days')}"))
    question = Question(Dialogue("a", "a", turns), 1, request)
    found = Judge([question], embed).figures([[f"{token('order_id')} to {token('phone')}", token("email")]])
    assert found["slot_precision"] == pytest.approx(1 / 3)
    assert found["slot_recall"] == 0.5
    assert found["unfilled_rate"] == 1.0


def test_the_share_of_the_way_that_is_closed() -> None:
    blocks = {
        "suggestions": {"similarity_at_1": 0.7, "similarity_at_3": 0.8},
        "retrieval_only": {"similarity_at_1": 0.6, "similarity_at_3": 0.8},
    }
    assert closed(blocks) == {"similarity_at_1": pytest.approx(0.25), "similarity_at_3": 0.0}


def test_the_true_reply_among_others() -> None:
    truths = embed(["yes", "no", "maybe"])
    right, wrong = truths, embed(["no", "maybe", "yes"])
    assert hits_at_1(truths, right, truths, among=3, seed=1).mean() == 1.0
    assert hits_at_1(truths, wrong, truths, among=3, seed=1).mean() == 0.0
    half = embed(["yes", "no", "yes"])
    assert hits_at_1(truths, half, truths, among=3, seed=1).mean() == pytest.approx(2 / 3)


def test_people_say_what_is_sendable_and_what_nobody_judged_counts_as_not() -> None:
    questions = asked("yes", "no")
    verdicts = [
        Verdict("0/1", (), "yes", True),
        Verdict("1/1", (), "yes", False),
        Verdict("1/1", (), "maybe", True),
    ]
    found = sendable(questions, [["yes", "unheard"], ["yes", "maybe"]], verdicts)
    assert found == {"n": 2, "judged": 0.75, "at_1": 0.5, "at_3": 1.0}
