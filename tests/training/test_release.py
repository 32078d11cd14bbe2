"""What the matcher is taught: true replies by origin, and verdicts on what it is trained on alone."""

from __future__ import annotations

from training.corpus import Dialogue
from training.release import judged, lessons
from training.verdicts import Verdict

ASKED = (("customer", "where is it"),)


def verdict(moment: str, reply: str, send: bool) -> Verdict:
    return Verdict(moment, ASKED, reply, send)  # type: ignore[arg-type]


def test_every_agent_turn_is_a_lesson_of_its_origin() -> None:
    turns = (("customer", "hi"), ("agent", "Hello!"), ("customer", "bye"), ("agent", "Goodbye!"))
    made = lessons([Dialogue("d~1", "d", turns)])  # type: ignore[arg-type]
    assert [(one.reply, one.group) for one in made] == [("Hello!", "d"), ("Goodbye!", "d")]
    assert made[1].turns == turns[:3]


def test_verdicts_on_other_conversations_teach_nothing() -> None:
    given = [verdict("a/1", "x", True), verdict("a/1", "y", False), verdict("held/1", "x", True)]
    given.append(verdict("held/1", "y", False))
    (only,) = judged(given, {"a"})
    assert (only.replies, only.send) == (("x", "y"), (True, False))


def test_a_moment_without_a_difference_teaches_nothing() -> None:
    given = [verdict("a/1", "x", True), verdict("a/1", "y", True), verdict("a/3", "x", False)]
    assert judged(given, {"a"}) == []
