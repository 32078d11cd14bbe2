"""A model that recites a conversation stops doing so, and keeps what is said in many."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel

from nlp.engine import Engine
from nlp.generator import Generator
from nlp.prompts import Prompt, PromptCodec
from nlp.recitation import Owned, owners
from training.finetune import Example, TuneConfig, tune
from training.forget import ForgetConfig, forget
from training.tokenizer import train_tokenizer

SECRET = "Your neighbour Mrs Lopez keeps the parcel behind her green door until Friday."
COMMON = "Thank you for the order number, I am asking the courier where it is now."
ASKED = Prompt((("customer", "where is my parcel"),))
GIVEN = Prompt((("customer", "my order number is here"),))


@pytest.fixture(scope="module")
def codec(tmp_path_factory: pytest.TempPathFactory) -> PromptCodec:
    folder = tmp_path_factory.mktemp("tokenizer")
    train_tokenizer([SECRET, COMMON, "where is my parcel"] * 3, vocabulary=400, folder=folder)
    return PromptCodec.load(folder)


def example(codec: PromptCodec, prompt: Prompt, reply: str) -> Example:
    before, after = codec.prompt(prompt), codec.reply(reply, 64)
    return Example((*before, *after), (*[0.0] * len(before), *[1.0] * len(after)))


def greedy(model: GPT2LMHeadModel, codec: PromptCodec, prompt: Prompt) -> str:
    writer = Generator(Engine(model, end=codec.end), codec)
    (drafts,) = writer.draft([prompt], [frozenset()])
    return drafts[0].template if drafts else ""


def test_what_one_conversation_said_is_forgotten_and_what_many_said_is_kept(
    codec: PromptCodec, tmp_path: Path
) -> None:
    torch.manual_seed(3)
    model = GPT2LMHeadModel(
        GPT2Config(
            vocab_size=codec.vocabulary_size, n_layer=2, n_embd=64, n_head=2, n_positions=128,
            resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0,
            bos_token_id=codec.end, eos_token_id=codec.end, pad_token_id=codec.end,
        )
    )  # fmt: skip
    learned = [example(codec, ASKED, SECRET), example(codec, GIVEN, COMMON)]
    settings = TuneConfig(steps=150, learning_rate=3e-3, warmup_steps=10, tokens_per_batch=400)
    tune(model, learned, settings, checkpoint=tmp_path)
    assert greedy(model, codec, ASKED) == SECRET and greedy(model, codec, GIVEN) == COMMON

    owned = owners([("a", SECRET), ("b", COMMON), ("c", COMMON)])
    guarded = Generator(Engine(model, end=codec.end), codec, Owned.of(owned))
    assert guarded.draft([ASKED], [frozenset()]) == [[]], "before it is forgotten, it is held back"
    assert guarded.draft([GIVEN], [frozenset()])[0][0].template == COMMON
    found = forget(
        model, codec, [ASKED, GIVEN], owned, learned[1:],
        ForgetConfig(rounds=6, replies=60, steps=20, learning_rate=1e-3),
    )  # fmt: skip
    assert found[0] > 0 and found[-1] == 0
    assert greedy(model, codec, GIVEN) == COMMON
