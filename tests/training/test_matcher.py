"""The matcher learns what it is shown, and a killed run goes on to the same weights."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from torch import Tensor

from nlp.matcher import MatchCodec, Matcher, MatchModel
from nlp.types import Role
from training.checkpoints import is_finished
from training.matcher import (
    Judged,
    Lesson,
    MatchConfig,
    fit_matcher,
    found_first,
    judged_loss,
    new_matcher,
    pairs_loss,
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
    return MatchConfig(steps=steps, warmup_steps=2, lessons=3, judged=1, checkpoint_every=4)


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
    assert is_finished(tmp_path / "run", 24) and not is_finished(tmp_path / "run", 25)


@torch.no_grad()
def test_an_untrained_one_has_the_losses_of_its_cosines() -> None:
    model, codec = new_matcher(3)
    model.train(False)
    scale = torch.tensor(1e-6)
    assert float(pairs_loss(model, codec, LESSONS, scale)) == pytest.approx(math.log(3), abs=1e-3)
    assert float(judged_loss(model, codec, JUDGED, scale)) == pytest.approx(math.log(2), abs=1e-3)
    assert float(judged_loss(model, codec, [], scale)) == 0.0


@torch.no_grad()
def test_lessons_of_one_group_are_not_each_others_wrong_answers() -> None:
    model, codec = new_matcher(4)
    model.train(False)
    kin = [Lesson(one.turns, one.reply, "same") for one in LESSONS]
    assert float(pairs_loss(model, codec, kin, torch.tensor(20.0))) == pytest.approx(0.0, abs=1e-4)


def test_killed_and_resumed_gives_the_same_weights(tmp_path: Path) -> None:
    straight, codec = new_matcher(2)
    fit_matcher(straight, codec, [LESSONS], JUDGED, config(8), checkpoint=tmp_path / "a")

    stopped, _ = new_matcher(2)
    failing = _Failing(LESSONS, after=17)
    with contextlib.suppress(KeyboardInterrupt):
        fit_matcher(stopped, codec, [failing], JUDGED, config(8), checkpoint=tmp_path / "b")
    assert (tmp_path / "b" / "state-4.safetensors").exists()
    resumed, _ = new_matcher(2)
    fit_matcher(resumed, codec, [LESSONS], JUDGED, config(8), checkpoint=tmp_path / "b")
    for name, value in changes(straight).items():
        assert torch.equal(value, changes(resumed)[name]), name


class _Failing(list[Lesson]):
    """Lessons that interrupt the run after so many reads, as Ctrl-C would."""

    def __init__(self, rows: list[Lesson], after: int) -> None:
        super().__init__(rows)
        self._left = after

    def __getitem__(self, at: object) -> Lesson:  # type: ignore[override]
        self._left -= 1
        if self._left < 0:
            raise KeyboardInterrupt
        return super().__getitem__(at)  # type: ignore[index, no-any-return]


def test_courses_are_taught_in_turn_and_never_mixed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = [Lesson(one.turns, f"{one.reply} elsewhere", f"other {one.group}") for one in LESSONS]
    seen: list[set[str]] = []

    def watched(model: MatchModel, codec: MatchCodec, lessons: Sequence[Lesson], scale: Tensor) -> Tensor:
        seen.append({one.group for one in lessons})
        return pairs_loss(model, codec, lessons, scale)

    monkeypatch.setattr("training.matcher.pairs_loss", watched)
    model, codec = new_matcher(5)
    fit_matcher(model, codec, [LESSONS, other], JUDGED, config(4), checkpoint=tmp_path / "run")
    own = {one.group for one in LESSONS}
    assert [groups <= own for groups in seen] == [True, False, True, False]
    assert not any(groups & own for groups in seen[1::2])
