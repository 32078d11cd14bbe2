"""Spans that belong to one conversation are found; shared ones and slots are not blamed."""

from __future__ import annotations

from nlp.recitation import owners
from training.privacy import recited

SECRET = "my grandmother keeps the spare key under the blue pot"
COMMON = "is there anything else that i can help you with today"


def test_a_span_of_one_conversation_is_recited() -> None:
    owned = owners([("a", SECRET), ("a", COMMON), ("b", COMMON)])
    found = recited([f"Well, {SECRET.upper()}!"], owned)
    assert {r.conversation for r in found} == {"a"}
    assert len(found) == 3


def test_a_span_of_several_conversations_is_nobodys() -> None:
    assert recited([COMMON], owners([("a", COMMON), ("b", COMMON)])) == []


def test_twice_in_one_conversation_is_still_its_own() -> None:
    assert recited([SECRET], owners([("a", SECRET), ("a", SECRET)]))


def test_shorter_overlap_is_fine() -> None:
    assert recited(["the spare key under the blue pot"], owners([("a", SECRET)])) == []
