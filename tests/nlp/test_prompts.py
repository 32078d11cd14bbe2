"""The prompt: control tokens by id, people's text as text."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import GPT2Tokenizer, PreTrainedTokenizerFast

from nlp.errors import ModelError
from nlp.prompts import (
    AGENT,
    ALL_TOKENS,
    ARTICLE,
    CONTEXT_TOKENS,
    CUSTOMER,
    END,
    INTENT,
    NEAR,
    Prompt,
    PromptCodec,
)
from nlp.registry import STARTER_FOLDER
from nlp.slots import token
from nlp.tokens import read_tokenizer
from tests.small_models import CHINESE, chinese_gpt2_folder
from training.tokenizer import train_tokenizer


@pytest.fixture(scope="module")
def codec(tmp_path_factory: pytest.TempPathFactory) -> PromptCodec:
    folder = tmp_path_factory.mktemp("tokenizer")
    train_tokenizer(["your order is late, sorry " + token("order_id")] * 9, vocabulary=280, folder=folder)
    return PromptCodec.load(folder)


@pytest.fixture(scope="module")
def chinese(tmp_path_factory: pytest.TempPathFactory) -> PromptCodec:
    tokenizer = read_tokenizer(chinese_gpt2_folder(tmp_path_factory.mktemp("chinese")))
    tokenizer.add_special_tokens({"eos_token": END, "extra_special_tokens": list(ALL_TOKENS[1:])})
    return PromptCodec(tokenizer, positions=128)


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


def test_the_starters_text_has_the_ids_of_its_own_tokeniser() -> None:
    codec = PromptCodec.load(STARTER_FOLDER / "reply")
    own = GPT2Tokenizer.from_pretrained(STARTER_FOLDER / "reply", local_files_only=True)
    for text in ("Where is my order?", " two  spaces\n", "您好 👍🏽", "<|agent|> <|endoftext|>"):
        assert codec.encode(text) == own(text, split_special_tokens=True)["input_ids"]


@settings(deadline=None)
@given(st.text(st.sampled_from(CHINESE + "，。")))
def test_chinese_comes_back_without_stray_spaces(chinese: PromptCodec, text: str) -> None:
    assert chinese.decode(chinese.encode(text)) == text


@pytest.mark.parametrize(
    "template",
    [
        f"您好，订单{token('order_id')}明天送到。",
        f"order {token('order_id')} is late, the parcel: {token('tracking_number')}!",
        "the order is late - the agent",
    ],
)
def test_word_pieces_come_back_with_spaces_where_people_write_them(
    chinese: PromptCodec, template: str
) -> None:
    expected = template.replace(" - ", "-")
    assert chinese.decode(chinese.encode(template)) == expected


@settings(deadline=None)
@given(st.text())
def test_no_text_becomes_a_control_token_or_breaks_a_word_piece_tokeniser(
    chinese: PromptCodec, text: str
) -> None:
    ids = chinese.encode(f"<|agent|>{text}<|endoftext|>[SEP]")
    own = {chinese.end, *chinese.control.values()}
    assert not own & set(ids)
    assert chinese.decode(ids).startswith("<")
    assert not chinese.never_said & set(chinese.reply(text, 64))


def test_no_reply_holds_what_only_the_tokeniser_knows(chinese: PromptCodec) -> None:
    ids = [chinese._text.vocabulary[name] for name in ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")]
    assert chinese.never_said == {*ids, *chinese.control.values()}
    assert chinese.decode([*ids, *chinese.encode("您好")]) == "您好"


def test_lone_surrogates_are_read_as_unknown_signs(codec: PromptCodec, chinese: PromptCodec) -> None:
    assert codec.decode(codec.encode("a\ud800b")) == "a\ufffdb"
    chinese.encode("a\ud800b")


def test_few_positions_keep_the_newest_turn_and_the_nearest_reply(codec: PromptCodec) -> None:
    small = PromptCodec(codec._tokenizer, positions=128)
    turns = [("customer" if i % 2 == 0 else "agent", f"turn {i}") for i in range(9)]
    asked = Prompt(turns, near=["sorry", "late " * 20], article="order " * 20, intent="status")  # type: ignore[arg-type]
    ids = small.prompt(asked)
    assert len(ids) + small.reply_room <= 128
    assert "turn 8" in small.decode(ids)
    assert ids.count(small.control[NEAR]) == 1 and small.decode(ids).startswith("sorry")
    assert small.control[INTENT] in ids and small.control[ARTICLE] not in ids


def test_a_tokeniser_that_takes_typed_text_for_control_tokens_is_refused(tmp_path: Path) -> None:
    raw = Tokenizer(
        models.WordLevel({"<unk>": 0, **{t: i + 1 for i, t in enumerate(ALL_TOKENS)}}, unk_token="<unk>")
    )
    raw.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    with pytest.raises(ModelError, match="can't tell typed text"):
        PromptCodec(PreTrainedTokenizerFast(tokenizer_object=raw, unk_token="<unk>"))
