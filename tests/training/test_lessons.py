"""What a round learns from: the newest judge, echoes teach little, what nobody approved teaches nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nlp.reading import Reader
from nlp.registry import STARTER_FOLDER
from tests.training.test_round import conversation
from training.lessons import collect


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
