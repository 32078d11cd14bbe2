"""What a round learns from: the newest judge, echoes teach little, what nobody approved teaches nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nlp.reading import Reader
from nlp.registry import STARTER_FOLDER
from nlp.types import Turn
from tests.training.test_round import conversation
from training.files import Conversation
from training.lessons import FEWEST_CONVERSATIONS, collect, window


@pytest.mark.slow
def test_machine_written_replies_teach_little_or_nothing_and_judge_nothing(tmp_path: Path) -> None:
    rows = []
    for number in range(24):
        row = conversation(number)
        for at, turn in enumerate(row["turns"]):
            turn["at"] = f"2026-11-{number + 1:02d}T10:0{at}:00+00:00"
        row["turns"][1]["origin"] = "accepted"
        row["turns"][3]["origin"] = "automatic" if number % 2 else "person"
        rows.append(row)
    path = tmp_path / "log.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    taught = collect([path], Reader.load(STARTER_FOLDER / "heads"), 17, lambda *_: None)
    own = {one.id for one in taught.learned}
    newest = sorted(one.ended for one in taught.everything)[-3:]
    assert {one.ended for one in taught.everything if one.id not in own} == set(newest)
    assert {q.at for q in taught.aside} <= {3}, "an accepted draft judges nothing"
    lessons = [q.at for q in taught.lessons if q.dialogue.id in own]
    assert lessons.count(3) == 11, "odd ones went out alone"
    assert 0 < lessons.count(1) < 12, "about a quarter of 21"
    assert taught.echoes == 24


def said(number: int, ended: str = "") -> Conversation:
    """One with two messages of the customer."""
    turns = (Turn("customer", "Hi"), Turn("agent", "Hello"), Turn("customer", "Where is it?"))
    return Conversation(str(number), turns, ended)


def test_what_there_is_no_time_for_is_the_oldest() -> None:
    undated = [said(number) for number in range(100)]
    kept, unread = window(undated, lambda texts: len(texts) // 4)
    assert ([one.id for one in kept], unread) == ([str(number) for number in range(75, 100)], 75)
    dated = [said(number, f"2026-11-{30 - number % 30:02d}T{number // 30:02d}") for number in range(90)]
    kept, unread = window(dated, lambda texts: 60)
    assert len(kept) == 30 and unread == 60
    assert min(one.ended for one in kept) > max(one.ended for one in dated if one not in kept)
    assert [one for one in dated if one in kept] == kept, "in their order"


def test_with_time_for_all_nothing_is_left_and_with_time_for_none_the_fewest_are_read() -> None:
    found = [said(number) for number in range(60)]
    assert window(found, len) == (found, 0)
    assert window(found, lambda texts: 0) == (found[-FEWEST_CONVERSATIONS:], 60 - FEWEST_CONVERSATIONS)
