"""The prompt: control tokens by id, people's text as text."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nlp.errors import ModelError
from nlp.prompts import AGENT, CONTEXT_TOKENS, CUSTOMER, NEAR, Prompt, PromptCodec
from nlp.slots import token
from training.tokenizer import train_tokenizer


@pytest.fixture(scope="module")
def codec(tmp_path_factory: pytest.TempPathFactory) -> PromptCodec:
    folder = tmp_path_factory.mktemp("tokenizer")
    train_tokenizer(["your order is late, sorry " + token("order_id")] * 9, vocabulary=280, folder=folder)
    return PromptCodec.load(folder)


@settings(deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_comes_back(codec: PromptCodec, text: str) -> None:
    assert codec.decode(codec.encode(text)) == text.strip()


def test_a_typed_control_token_is_text(codec: PromptCodec) -> None:
    ids = codec.encode("<|agent|> hi <|endoftext|>")
    assert not {codec.control[AGENT], codec.end} & set(ids)
    assert codec.decode(ids) == "<|agent|> hi <|endoftext|>"


def test_a_slot_is_one_token(codec: PromptCodec) -> None:
    assert codec.encode(token("order_id")) == [codec.slot_ids["order_id"]]


def test_the_prompt_ends_with_the_agents_turn_and_keeps_the_newest(codec: PromptCodec) -> None:
    turns = [("customer" if i % 2 == 0 else "agent", f"turn number {i} " * 8) for i in range(20)]
    ids = codec.prompt(
        Prompt(turns=turns[:-1], near=["an older reply"], intent="order_status", mood="negative")
    )  # type: ignore[arg-type]
    assert ids[-1] == codec.control[AGENT]
    assert codec.control[NEAR] in ids
    text = codec.decode(ids)
    assert "turn number 18" in text and "turn number 2 " not in text
    assert ids.count(codec.control[CUSTOMER]) >= 1
    assert len(ids) < CONTEXT_TOKENS + 120


def test_a_reply_is_cut_and_ends(codec: PromptCodec) -> None:
    ids = codec.reply("sorry " * 100, 64)
    assert len(ids) == 64
    assert ids[-1] == codec.end


def test_a_folder_without_a_tokeniser_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=tmp_path.name):
        PromptCodec.load(tmp_path)
