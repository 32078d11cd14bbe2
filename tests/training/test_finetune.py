"""Tuning: the same seed gives the same weights, killed or not."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import GPT2Config, GPT2LMHeadModel

from training.finetune import Example, TuneConfig, rate, tune, validation_loss, weighted_loss

CONFIG = TuneConfig(steps=6, warmup_steps=2, tokens_per_batch=160, checkpoint_every=2, threads=1)


def small() -> GPT2LMHeadModel:
    torch.manual_seed(1)
    return GPT2LMHeadModel(
        GPT2Config(
            vocab_size=50, n_positions=32, n_embd=16, n_layer=2, n_head=2, bos_token_id=0, eos_token_id=0,
            resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0, attn_implementation="eager",
        )
    )  # fmt: skip


def rows(count: int = 40) -> list[Example]:
    rng = random.Random(2)
    out = []
    for _ in range(count):
        ids = tuple(rng.randrange(50) for _ in range(rng.randrange(6, 30)))
        out.append(Example(ids, (0.0,) * (len(ids) - 4) + (1.0,) * 4))
    return out


def weights(model: GPT2LMHeadModel) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in model.parameters()])


def test_killed_and_resumed_gives_the_same_weights_bit_for_bit(tmp_path: Path) -> None:
    whole = small()
    tune(whole, rows(), CONFIG, checkpoint=tmp_path / "whole")
    half = small()
    looked = validation_loss(half, rows())
    with pytest.raises(KeyboardInterrupt):
        tune(half, rows(), CONFIG, checkpoint=tmp_path / "half", validation=Interrupting(rows(), at=2))
    assert validation_loss(half, rows()) != looked
    resumed = small()
    log = tune(resumed, rows(), CONFIG, checkpoint=tmp_path / "half")
    assert torch.equal(weights(whole), weights(resumed))
    assert [row["step"] for row in log] == [2, 4, 6]
    assert json.loads((tmp_path / "half" / "state.json").read_text())["step"] == 6


class Interrupting(list):  # type: ignore[type-arg]
    """Validation examples that end the run, like Ctrl+C, when they are looked at for the `at`-th time."""

    def __init__(self, items: list[Example], at: int) -> None:
        super().__init__(items)
        self._left = at

    def __iter__(self):  # type: ignore[no-untyped-def]
        self._left -= 1
        if not self._left:
            raise KeyboardInterrupt
        return super().__iter__()


def test_loss_falls_on_something_learnable(tmp_path: Path) -> None:
    pattern = [Example(tuple([3, 4, 5, 6] * 4), (0.0,) * 4 + (1.0,) * 12)] * 32
    model = small()
    before = validation_loss(model, pattern)
    tune(
        model,
        pattern,
        TuneConfig(steps=40, warmup_steps=5, learning_rate=1e-2, threads=1),
        checkpoint=tmp_path,
    )
    assert validation_loss(model, pattern) < before / 3


def test_only_what_requires_a_gradient_is_trained_and_kept(tmp_path: Path) -> None:
    model = small()
    model.requires_grad_(False)
    chosen = {f"transformer.h.1.attn.{layer}.weight" for layer in ("c_attn", "c_proj")}
    for name in chosen:
        model.get_parameter(name).requires_grad_()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    tune(model, rows(), CONFIG, checkpoint=tmp_path)
    moved = {name for name, value in model.state_dict().items() if not torch.equal(value, before[name])}
    assert moved == chosen
    kept = load_file(next(tmp_path.glob("state-*.safetensors")))
    assert {name.removeprefix("model.") for name in kept if name.startswith("model.")} == chosen
    again = small()
    again.requires_grad_(False)
    for name in chosen:
        again.get_parameter(name).requires_grad_()
    tune(again, rows(), CONFIG, checkpoint=tmp_path)
    assert torch.equal(weights(model), weights(again))


def test_only_weighted_tokens_count() -> None:
    model = small().eval()
    ids = torch.tensor([[1, 2, 3, 4, 5]])
    with torch.no_grad():
        last_only = weighted_loss(model, ids, torch.tensor([[0.0, 0.0, 0.0, 0.0, 1.0]]))
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        logits = model(ids).logits.float()
    assert float(last_only) == pytest.approx(float(-logits.log_softmax(-1)[0, 3, 5]), abs=0.05)


def test_the_rate_warms_up_and_decays() -> None:
    config = TuneConfig(steps=100, warmup_steps=10, learning_rate=1.0, final_rate=0.1)
    assert rate(0, config) == pytest.approx(0.1)
    assert rate(9, config) == pytest.approx(1.0)
    assert rate(100, config) == pytest.approx(0.1)
    assert rate(30, config) > rate(60, config) > rate(90, config)
