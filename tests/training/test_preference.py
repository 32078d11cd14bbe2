"""Agents' edits shift what is likelier and hold the rest; a killed run ends with the same weights."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from nlp.prompts import Prompt, PromptCodec
from nlp.registry import Registry
from tests.small_models import gpt2_folder
from training import preference
from training.bases import Base, load_base
from training.finetune import Example, TuneConfig, tune, validation_loss
from training.preference import (
    FEWEST_PAIRS,
    MISSING,
    Pair,
    PreferConfig,
    margins,
    prefer,
    seconds_a_step,
    take,
    why_not,
)

CONFIG = PreferConfig(steps=6, learning_rate=5e-4, pairs=8, checkpoint_every=2)
THINGS = "lamp chair table shelf mirror rug clock vase basket frame stool tray".split()


def base(folder: Path, *, whole: int = 30_000_000) -> Base:
    return load_base(str(gpt2_folder(folder / "gpt2", width=32)), Registry(folder / "models"), whole=whole)


def replies(thing: str) -> tuple[str, str]:
    """What the agents of this shop send, and what they are shown and change."""
    return f"I'm sorry that the {thing} is late.", f"The {thing} is on its way."


def pairs(codec: PromptCodec, things: list[str]) -> list[Pair]:
    made = []
    for thing in things:
        asked = codec.prompt(Prompt([("customer", f"where is my {thing}")]))
        chosen, rejected = (tuple(codec.reply(text, 64)) for text in replies(thing))
        made.append(Pair(tuple(asked), chosen, rejected))
    return made


def examples(some: list[Pair], *sides: str) -> list[Example]:
    rows = [(one.prompt, getattr(one, side)) for one in some for side in sides]
    return [Example((*asked, *said), (0.0,) * len(asked) + (1.0,) * len(said)) for asked, said in rows]


def weights(model: torch.nn.Module) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in model.parameters()])


def test_the_margin_of_pairs_that_nobody_has_seen_rises_and_the_loss_stays(tmp_path: Path) -> None:
    pytest.importorskip("trl")
    begun = base(tmp_path)
    seen, unseen = pairs(begun.codec, THINGS[:8]), pairs(begun.codec, THINGS[8:])
    tune(
        begun.model,
        examples(seen, "chosen", "rejected"),
        TuneConfig(steps=30, warmup_steps=3, learning_rate=3e-3, threads=1),
        checkpoint=tmp_path / "tuned",
    )
    before, loss = margins(begun.model, unseen), validation_loss(begun.model, examples(unseen, "chosen"))
    kept = weights(begun.model)
    told: list[tuple[int, int]] = []
    made = prefer(
        begun.model, begun.codec, seen, replace(CONFIG, steps=12), checkpoint=tmp_path / "preferred",
        progress=lambda done, total: told.append((done, total)),
    )  # fmt: skip
    assert torch.equal(weights(begun.model), kept), "what came in stays as it was"
    assert margins(made, unseen).mean() > before.mean() + 1.0
    assert validation_loss(made, examples(unseen, "chosen")) < loss + preference.MOST_RISE
    assert told[-1] == (12, 12) and not list((tmp_path / "preferred").rglob("README.md"))
    assert seconds_a_step(begun.model, begun.codec, seen) > 0
    assert torch.equal(weights(begun.model), kept)
    take(begun.model, made)
    assert torch.equal(weights(begun.model), weights(made))


@pytest.mark.parametrize("whole", [30_000_000, 1])
def test_killed_and_resumed_gives_the_same_weights_bit_for_bit(tmp_path: Path, whole: int) -> None:
    pytest.importorskip("trl")
    begun = base(tmp_path, whole=whole)
    assert begun.low_rank is (whole == 1)
    some = pairs(begun.codec, THINGS)
    through = prefer(begun.model, begun.codec, some, CONFIG, checkpoint=tmp_path / "whole")

    def interrupt(done: int, total: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prefer(begun.model, begun.codec, some, CONFIG, checkpoint=tmp_path / "half", progress=interrupt)
    seen: list[int] = []
    resumed = prefer(
        begun.model, begun.codec, some, CONFIG, checkpoint=tmp_path / "half",
        progress=lambda done, total: seen.append(done),
    )  # fmt: skip
    assert seen == [3, 4, 5, 6], "it went on from its last state"
    assert torch.equal(weights(through), weights(resumed))
    assert not torch.equal(weights(through), weights(begun.model))
    again = prefer(begun.model, begun.codec, some, CONFIG, checkpoint=tmp_path / "half")
    assert torch.equal(weights(again), weights(through)), "a finished run is taken as it is"


def test_a_margin_is_the_difference_of_summed_log_probabilities(tmp_path: Path) -> None:
    begun = base(tmp_path)
    (one,) = pairs(begun.codec, ["lamp"])
    sides = []
    for said in (one.chosen, one.rejected):
        ids = torch.tensor([[*one.prompt, *said]])
        with torch.no_grad():
            found = begun.model(input_ids=ids).logits.float().log_softmax(-1)
        places = range(len(one.prompt), ids.shape[1])
        sides.append(sum(float(found[0, at - 1, ids[0, at]]) for at in places))
    padded_too = margins(begun.model, [one, *pairs(begun.codec, ["basket"])])
    assert float(padded_too[0]) == pytest.approx(sides[0] - sides[1], abs=1e-3)


def test_too_few_pairs_and_a_missing_extra_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    assert why_not(412) == "412 of 1,000 pairs"
    monkeypatch.setattr(preference, "find_spec", lambda name: None)
    assert why_not(FEWEST_PAIRS) == MISSING
    monkeypatch.setattr(preference, "find_spec", lambda name: object())
    assert why_not(FEWEST_PAIRS) == ""
