"""The matcher learns what it is shown, and a killed run goes on to the same weights."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from datasets import Dataset
from torch import Tensor

from nlp.matcher import REPLY, Matcher, MatchModel
from nlp.types import Role
from training.matcher import (
    Apart,
    Judged,
    Lesson,
    MatchConfig,
    Reading,
    fit_matcher,
    found_first,
    new_matcher,
    save_matcher,
)


def asked(text: str) -> tuple[tuple[Role, str], ...]:
    return (("customer", text),)


# Answers that no sentence vector would find by itself.
LESSONS = [
    Lesson(asked("where is my parcel"), "Boots are washed by hand.", "a"),
    Lesson(asked("how do I wash boots"), "Our shop opens at ten.", "b"),
    Lesson(asked("when do you open"), "I'm asking the courier where it is.", "c"),
]
JUDGED = [Judged(asked("hello"), ("A gift card has no name on it.", "Hello!"), (True, False))]


def config(steps: int) -> MatchConfig:
    return MatchConfig(steps=steps, warmup_steps=2, lessons=3, checkpoint_every=4)


def changes(model: MatchModel) -> dict[str, torch.Tensor]:
    return {name: value.detach().clone() for name, value in model.named_parameters() if value.requires_grad}


def test_it_learns_true_replies_and_verdicts_and_the_served_one_agrees(tmp_path: Path) -> None:
    model, codec = new_matcher(1)
    assert found_first(model, codec, LESSONS) < 0.5
    rows = fit_matcher(
        model, codec, [LESSONS], JUDGED, config(24), checkpoint=tmp_path / "run", validation=LESSONS
    )
    assert rows[-1]["found_first"] == 1.0
    save_matcher(model, tmp_path / "out")
    served = Matcher.load(tmp_path / "out")
    scores = (
        served.conversations([one.turns for one in LESSONS])
        @ served.replies([one.reply for one in LESSONS]).T
    )
    assert scores.argmax(1).tolist() == [0, 1, 2]
    sendable, other = served.replies(JUDGED[0].replies) @ served.conversations([JUDGED[0].turns])[0]
    assert sendable > other


def test_rows_of_one_conversation_or_with_one_reply_are_never_in_one_batch() -> None:
    groups = [at // 3 for at in range(60)]
    replies = [[1, at % 7] for at in range(60)]
    rows = Dataset.from_dict({"label": groups, "conversation": [[0]] * 60, "reply": replies})
    batches = Apart(rows, batch_size=6, drop_last=False, seed=3)
    seen: set[int] = set()
    for epoch in range(6):
        batches.set_epoch(epoch)
        found = list(batches)
        assert len(found) == len(batches) == 10
        for batch in found:
            assert (
                len(batch) == len({groups[at] for at in batch}) == len({replies[at][1] for at in batch}) == 6
            )
        seen |= {at for batch in found for at in batch}
    assert seen == set(range(60))
    few = Apart(rows.select(range(6)), batch_size=6, drop_last=False, seed=3)
    assert [len(batch) for batch in few] == [2]


@pytest.mark.parametrize("epoch", [1, 3])
def test_killed_and_resumed_gives_the_same_weights(tmp_path: Path, epoch: int) -> None:
    lessons = [
        Lesson(one.turns, f"{one.reply} {at}", f"{one.group} {at}") for at in range(epoch) for one in LESSONS
    ]
    judged = JUDGED if epoch == 1 else []
    straight, codec = new_matcher(2)
    fit_matcher(straight, codec, [lessons], judged, config(8), checkpoint=tmp_path / "a")

    def interrupted(done: int, total: int) -> None:
        if done == 6:
            raise KeyboardInterrupt

    stopped, _ = new_matcher(2)
    with pytest.raises(KeyboardInterrupt):
        fit_matcher(
            stopped, codec, [lessons], judged, config(8), checkpoint=tmp_path / "b", progress=interrupted
        )
    # A kill in the middle of writing leaves a checkpoint without its end.
    shutil.copytree(tmp_path / "b" / "checkpoint-4", tmp_path / "b" / "checkpoint-6")
    (tmp_path / "b" / "checkpoint-6" / "trainer_state.json").write_text('{"global_st')
    resumed, _ = new_matcher(2)
    rows = fit_matcher(resumed, codec, [lessons], judged, config(8), checkpoint=tmp_path / "b")
    assert [row["step"] for row in rows] == [4, 8]
    for name, value in changes(straight).items():
        assert torch.equal(value, changes(resumed)[name]), name


@pytest.mark.parametrize("steps", [6, 7, 8])
def test_a_finished_run_is_not_trained_again(tmp_path: Path, steps: int) -> None:
    lessons = [
        Lesson(one.turns, f"{one.reply} {at}", f"{one.group} {at}") for at in range(3) for one in LESSONS
    ]
    done, codec = new_matcher(2)
    rows = fit_matcher(done, codec, [lessons], [], config(steps), checkpoint=tmp_path, validation=lessons)
    assert [row["step"] for row in rows] == [4, steps]
    assert all({"loss", "found_first"} <= row.keys() for row in rows)

    def no_more(at: int, total: int) -> None:
        raise AssertionError("a step of a finished run")

    again, _ = new_matcher(2)
    assert rows == fit_matcher(
        again, codec, [lessons], [], config(steps), checkpoint=tmp_path, validation=lessons, progress=no_more
    )
    for name, value in changes(done).items():
        assert torch.equal(value, changes(again)[name]), name


def test_courses_are_taught_in_turn_and_never_mixed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = [Lesson(one.turns, f"{one.reply} elsewhere", f"other {one.group}") for one in LESSONS]
    seen: list[set[tuple[int, ...]]] = []
    preprocess = Reading.preprocess

    def watched(self: Reading, inputs: Sequence[Sequence[int]], **kwargs: Any) -> dict[str, Tensor]:
        seen.append({tuple(row) for row in inputs})
        return preprocess(self, inputs, **kwargs)

    monkeypatch.setattr(Reading, "preprocess", watched)
    model, codec = new_matcher(5)
    fit_matcher(model, codec, [LESSONS, other], [], config(4), checkpoint=tmp_path / "run")
    own = {(REPLY, *codec.reply(one.reply)) for one in LESSONS}
    elsewhere = {(REPLY, *codec.reply(one.reply)) for one in other}
    replies = [texts for texts in seen if next(iter(texts))[0] == REPLY]
    assert replies[:4] == [own, elsewhere, own, elsewhere]
