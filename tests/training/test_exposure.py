"""A model that was trained on secrets is caught, and the same one trained without them is not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel

from nlp.errors import ModelError
from nlp.memory import templates_of
from nlp.prompts import PromptCodec
from nlp.reading import Reader
from nlp.registry import STARTER, STARTER_FOLDER, verify
from training.bases import Base, save_reply_model
from training.canaries import SPACE, Planted, plant
from training.corpus import Dialogue
from training.dataset import examples, moments
from training.exposure import control, examine, exposure, highest_mean, raw_examples
from training.finetune import TuneConfig, tune

PASSES = 20


def small_base() -> Base:
    """A small GPT-2 that knows nothing, with the starter's tokeniser."""
    codec = PromptCodec.load(STARTER_FOLDER / "reply")
    torch.manual_seed(3)
    config = GPT2Config(
        vocab_size=codec.vocabulary_size, n_layer=2, n_embd=128, n_head=4, n_positions=160,
        resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0,
        bos_token_id=codec.end, eos_token_id=codec.end, pad_token_id=codec.end, attn_implementation="eager",
    )  # fmt: skip
    return Base(GPT2LMHeadModel(config), codec, False, {})


@pytest.fixture(scope="module")
def planted() -> Planted:
    return plant([], 17)


@pytest.mark.slow
def test_secrets_that_were_trained_on_are_caught(planted: Planted, tmp_path: Path) -> None:
    base = small_base()
    power = control(base, planted, tmp_path / "control", passes=PASSES)
    assert len(power) == 5 and min(power) > 10
    save_reply_model(base.model, base.codec, tmp_path / "reply")
    repeated = replace(planted, canaries=planted.repeated)
    found = examine(tmp_path / "reply", repeated, control=power, quick=True)
    assert found.mean > max(10, found.limit) and found.produced


@pytest.mark.slow
def test_the_same_training_on_delexicalised_text_leaks_nothing(planted: Planted, tmp_path: Path) -> None:
    base, reader = small_base(), Reader.load(verify(STARTER_FOLDER, STARTER).heads)
    templates = templates_of([one.turns for one in planted.conversations], reader, {})
    asked = list(
        moments(
            [
                Dialogue(one.id, one.id, tuple(turns))
                for one, turns in zip(planted.conversations, templates, strict=True)
            ]
        )
    )
    shown = examples(asked, [()] * len(asked), [""] * len(asked), base.codec, seed=17)
    steps = PASSES * sum(len(one.ids) for one in shown) // 1024
    tune(
        base.model, shown, TuneConfig(steps=steps, warmup_steps=20, tokens_per_batch=1024),
        checkpoint=tmp_path / "work",
    )  # fmt: skip
    save_reply_model(base.model, base.codec, tmp_path / "reply")
    found = examine(tmp_path / "reply", planted, control=(12.5,), quick=True)
    assert found.produced == () and found.mean <= found.limit
    assert found.replies == 550


def test_the_control_learns_from_the_secrets_themselves(planted: Planted) -> None:
    codec = PromptCodec.load(STARTER_FOLDER / "reply")
    texts = [codec.decode(one.ids) for one in raw_examples(planted.conversations, codec, 17)]
    assert all(any(one.secret in text for text in texts) for one in planted.canaries)


def test_the_exposure_of_a_secret_nobody_learned_is_that_of_a_random_rank() -> None:
    rng = np.random.default_rng(5)
    bits = [exposure(float(rng.normal()), rng.normal(size=200)) for _ in range(5000)]
    assert np.mean(bits) == pytest.approx(1.44, abs=0.06)
    means = np.array(bits).reshape(100, 50).mean(axis=1)
    assert (means > highest_mean(50)).mean() < 0.1


def test_the_tail_is_read_off_the_fitted_distribution() -> None:
    others = np.random.default_rng(6).normal(-20.0, 2.0, size=200)
    assert exposure(-20.0 + 2.0 * 4.265, others) == pytest.approx(np.log2(1e5), abs=2.5)
    assert exposure(0.0, others) == np.log2(SPACE)
    assert exposure(-30.0, others) == pytest.approx(0.0, abs=0.01)


def test_the_limit_is_that_of_the_mean_of_exponentials() -> None:
    assert [round(highest_mean(count), 2) for count in (20, 50, 100)] == [2.01, 1.79, 1.69]


def test_a_folder_that_holds_no_model_is_refused(planted: Planted, tmp_path: Path) -> None:
    with pytest.raises(ModelError):
        examine(tmp_path, planted)
