"""A shop where nobody has judged anything gets a score that does not copy the demo shop's taste."""

from __future__ import annotations

import dataclasses
import gzip
import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nlp.generator import Generator
from nlp.matcher import Matcher
from nlp.ranking import Features
from nlp.reading import Reader
from nlp.registry import STARTER_FOLDER
from tests.training.test_ranker import pool
from training.privacy import left_for_test
from training.ranker import fit_scorer
from training.strangers import ASKED_SHARE, COURSES, Met, courses, fit_for_strangers, meet

BLANK = Features(*[0.0] * len(Features.names()))


def judged(count: int = 300) -> tuple[list[Features], NDArray[np.bool_], NDArray[np.float64]]:
    """People here send what is short, and what is near to the true reply."""
    rng = np.random.default_rng(5)
    rows = [
        dataclasses.replace(BLANK, words=float(rng.random()), match=float(rng.random())) for _ in range(count)
    ]
    near = np.clip([0.7 * (1 - row.words) + 0.3 * rng.random() for row in rows], 0, 1)
    return rows, near > 0.5, near


def test_strangers_do_not_inherit_a_taste_for_short_replies() -> None:
    rng = np.random.default_rng(6)
    pools = [
        pool(*((" ".join(["word"] * (5 + 10 * n)), 2 + n, float(rng.random())) for n in range(4)))
        for _ in range(60)
    ]
    met = Met(tuple(pools), np.repeat(np.eye(1, 384, dtype=np.float32), 60, axis=0))
    rows, send, near = judged()
    own, strangers = fit_scorer(rows, send), fit_for_strangers(rows, send, near, [met])
    assert own.explain()["words"] < -1.0
    assert abs(strangers.explain()["words"]) < 0.5 * abs(own.explain()["words"])
    assert strangers.explain()["match"] > 0.1


def test_a_stranger_is_met_as_a_new_shop_would_be(tmp_path: Path) -> None:
    path = tmp_path / "chats.jsonl"
    lines = [
        {
            "conversation_id": f"c{at}",
            "turns": [
                {"role": "customer", "text": f"Where is parcel {at}? It should be here."},
                {"role": "agent", "text": f"Sorry about parcel {at}, I am asking the courier."},
            ],
        }
        for at in range(12)
    ]
    path.write_text("\n".join(map(json.dumps, lines)))
    reply = STARTER_FOLDER / "reply"
    parts = (Reader.load(STARTER_FOLDER / "heads"), Generator.load(reply), Matcher.load(reply))
    met = meet(path, 10, *parts, 3)
    assert len(met.pools) == round(10 * ASKED_SHARE) == len(met.truths)
    found, near = met.rows()
    assert len(found) == len(near) == sum(len(one.candidates) for one in met.pools) > 0
    assert near.max() > 0.8


def test_a_course_leaves_a_fourth_of_a_set_to_measure_by(tmp_path: Path) -> None:
    for name in COURSES:
        lines = [
            json.dumps(
                {
                    "conversation_id": f"c{at}",
                    "turns": [
                        {"role": "customer", "text": f"Is there room number {at}?"},
                        {"role": "agent", "text": f"Yes, number {at} is free. For whom?"},
                        {"role": "customer", "text": "For my family"},
                        {"role": "agent", "text": f"I have booked {at}."},
                    ],
                }
            )
            for at in range(40)
        ]
        opened = gzip.open if name.endswith(".gz") else open
        with opened(tmp_path / name, "wt", encoding="utf-8") as file:
            file.write("\n".join(lines))
    taught = courses(tmp_path, Reader.load(STARTER_FOLDER / "heads"))
    assert len(taught) == len(COURSES)
    for course in taught:
        assert 20 * 2 < len(course) < 40 * 2
        assert not any(left_for_test(one.group) for one in course)
        assert {len(one.turns) for one in course} == {1, 3}
        assert all(one.turns[-1][0] == "customer" for one in course)
