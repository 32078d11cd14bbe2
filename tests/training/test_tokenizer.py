"""The tokeniser learns from plain text, knows every slot as one token, and survives being saved."""

from __future__ import annotations

from pathlib import Path

import pytest
from transformers import GPT2Tokenizer

from nlp import slots
from nlp.prompts import CONTROL_TOKENS, END, PromptCodec
from nlp.slots import token
from training.tokenizer import train_tokenizer

TEMPLATES = [
    f"Your order {token('order_id')} is on its way, {token('customer_name')}.",
    "The parcel is on its way and the refund follows.",
] * 20
VOCABULARY = 300


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("tokenizer")
    train_tokenizer(TEMPLATES, vocabulary=VOCABULARY, folder=made)
    return made


@pytest.fixture(scope="module")
def tokenizer(folder: Path) -> GPT2Tokenizer:
    loaded: GPT2Tokenizer = GPT2Tokenizer.from_pretrained(folder, local_files_only=True)
    return loaded


def test_every_slot_and_control_token_is_one_id_of_its_own(tokenizer: GPT2Tokenizer) -> None:
    special = [END, *CONTROL_TOKENS, *(token(slot) for slot in slots.ALL_SLOTS)]
    ids = [tokenizer.convert_tokens_to_ids(name) for name in special]
    assert len(set(ids)) == len(special)
    assert all(tokenizer.encode(name) == [number] for name, number in zip(special, ids, strict=True))
    # END is learnt with the bytes and merges; the others come on top.
    assert 256 < len(tokenizer) - len(special) < VOCABULARY
    assert tokenizer.pad_token == END


def test_what_it_has_seen_is_short_and_no_slot_is_spelt_out(tokenizer: GPT2Tokenizer) -> None:
    assert len(tokenizer.tokenize(" parcel")) < len(" parcel")
    learnt = [name for name in tokenizer.get_vocab() if not name.startswith("<|")]
    assert not [name for name in learnt if "order_id" in name or "slot" in name]


@pytest.mark.parametrize(
    "text",
    ["plain words", "Où est mon colis ? 您好 👍🏽", "tabs\tand\nlines", "<|agent|> typed by hand", "£12.50"],
)
def test_any_text_comes_back_as_it_was(folder: Path, text: str) -> None:
    codec = PromptCodec.load(folder)
    assert codec.decode(codec.encode(text)) == text


def test_a_typed_control_token_is_ordinary_text_and_a_slot_is_not(folder: Path) -> None:
    codec = PromptCodec.load(folder)
    typed = codec.encode("<|agent|>")
    assert len(typed) > 1
    assert codec.control["<|agent|>"] not in typed
    assert codec.encode(token("order_id")) == [codec.slot_ids["order_id"]]
