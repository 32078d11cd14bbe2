"""Any GPT-2 as a base: what is accepted, what is refused and how, and that what is saved can be served."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import BertConfig, BertModel, GPT2LMHeadModel, GPT2Model

from nlp.engine import Engine
from nlp.errors import ModelError
from nlp.generator import Generator
from nlp.prompts import ALL_TOKENS, END, Prompt, PromptCodec
from nlp.registry import STARTER_FOLDER, Registry
from nlp.slots import ALL_SLOTS, token
from tests.small_models import CHINESE, chinese_gpt2_folder, gpt2_folder
from training import hub
from training.bases import Base, load_base, save_reply_model
from training.finetune import Example, TuneConfig, tune

LATE = Prompt(
    (("customer", f"My order {token('order_id')} is late"),), intent="delivery_late", mood="negative"
)
BASES = {"byte-level": gpt2_folder, "Chinese": chinese_gpt2_folder}


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry(tmp_path / "models")


def examples(base: Base, reply: str = "sorry, the parcel is late") -> list[Example]:
    context, said = base.codec.prompt(LATE), base.codec.reply(f"{reply} {token('order_id')}", 64)
    return [Example((*context, *said), (0.0,) * len(context) + (1.0,) * len(said))] * 8


def trained(base: Base, folder: Path, steps: int = 6) -> Base:
    config = TuneConfig(steps=steps, warmup_steps=1, learning_rate=1e-2, checkpoint_every=2)
    tune(base.model, examples(base), config, checkpoint=folder)
    return base


def test_the_starter_comes_out_as_it_is_and_goes_back_byte_for_byte(
    registry: Registry, tmp_path: Path
) -> None:
    base = load_base("starter", registry)
    assert not base.low_rank
    assert base.facts["name"] == "starter" and base.facts["added_tokens"] == 0
    save_reply_model(base.model, base.codec, tmp_path / "reply")
    for path in (tmp_path / "reply").iterdir():
        assert path.read_bytes() == (STARTER_FOLDER / "reply" / path.name).read_bytes(), path.name


@pytest.mark.parametrize("kind", BASES)
def test_a_foreign_model_learns_our_tokens_and_keeps_what_it_knew(
    kind: str, registry: Registry, tmp_path: Path
) -> None:
    folder = BASES[kind](tmp_path / "mine")
    before = GPT2LMHeadModel.from_pretrained(folder, dtype=torch.float32)
    base = load_base(str(folder), registry)
    ids = [base.codec.end, *base.codec.control.values(), *base.codec.slot_ids.values()]
    assert len(set(ids)) == len(ALL_TOKENS)
    assert base.codec.vocabulary_size == base.model.config.vocab_size == max(ids) + 1
    assert base.model.lm_head.weight is base.model.transformer.wte.weight
    assert base.model.config.eos_token_id == base.model.config.pad_token_id == base.codec.end
    old = before.transformer.wte.weight
    assert torch.equal(base.model.transformer.wte.weight[: len(old)], old)
    assert all(p.dtype == torch.float32 and p.requires_grad for p in base.model.parameters())
    assert base.facts["licence"] == "unknown" and base.facts["name"] == "mine"
    assert str(tmp_path) not in str(base.facts)


def test_a_new_slot_begins_as_the_words_it_stands_for(registry: Registry, tmp_path: Path) -> None:
    base = load_base(str(gpt2_folder(tmp_path / "mine")), registry)
    rows = base.model.transformer.wte.weight
    words = base.codec.encode(" order id")
    assert torch.allclose(rows[base.codec.slot_ids["order_id"]], rows[words].mean(0))


@pytest.mark.parametrize("kind", BASES)
@pytest.mark.parametrize("whole", [10**9, 0], ids=["whole", "low rank"])
def test_what_is_trained_is_saved_published_served_and_trained_again(
    kind: str, whole: int, registry: Registry, tmp_path: Path
) -> None:
    base = trained(load_base(str(BASES[kind](tmp_path / "mine")), registry, whole=whole), tmp_path / "run")
    assert base.low_rank == (whole == 0)
    made = tmp_path / "made"
    save_reply_model(base.model, base.codec, made / "reply")
    again = PromptCodec.load(made / "reply")
    ids = base.codec.prompt(LATE)
    assert again.prompt(LATE) == ids
    loaded = GPT2LMHeadModel.from_pretrained(made / "reply", dtype=torch.float32)
    with torch.no_grad():
        base.model.train(False)
        wanted, found = (m(torch.tensor([ids])).logits for m in (base.model, loaded))
    assert torch.allclose(wanted, found, atol=2e-2)
    assert all(t.dtype == torch.float16 for t in load_file(made / "reply" / "model.safetensors").values())
    registry.publish("v1", made, {})
    drafts = Generator.load(registry.get("v1").reply).draft([LATE], [frozenset(ALL_SLOTS)])
    assert all("<|agent|>" not in one.template for one in drafts[0])
    second = load_base("v1", registry, whole=whole)
    assert second.facts["added_tokens"] == 0 and second.facts["name"] == "v1"
    assert second.codec.prompt(LATE) == ids
    trained(second, tmp_path / "second", steps=2)


def test_low_rank_training_moves_the_changes_and_our_rows_alone(registry: Registry, tmp_path: Path) -> None:
    folder = gpt2_folder(tmp_path / "mine")
    base = load_base(str(folder), registry, whole=0)
    assert base.facts["training"] == "low-rank changes of rank 8, and the rows of our tokens"
    kept = {n: p.detach().clone() for n, p in base.model.named_parameters()}
    trained(base, tmp_path / "run")
    moved = {n for n, p in base.model.named_parameters() if not torch.equal(p, kept[n])}
    assert moved == {n for n, p in base.model.named_parameters() if p.requires_grad}
    assert {n.rsplit(".", 1)[1] for n in moved} == {"up", "down", "rows"}
    state = next((tmp_path / "run").glob("state-*.safetensors"))
    assert {n.removeprefix("model.") for n in load_file(state) if n.startswith("model.")} == moved


def test_at_first_low_rank_changes_change_nothing(registry: Registry, tmp_path: Path) -> None:
    folder = gpt2_folder(tmp_path / "mine")
    whole, changed = (load_base(str(folder), registry, whole=most) for most in (10**9, 0))
    ids = torch.tensor([whole.codec.prompt(LATE)])
    with torch.no_grad():
        assert torch.allclose(whole.model(ids).logits, changed.model(ids).logits, atol=1e-5)


def test_a_killed_low_rank_run_goes_on_to_the_same_weights(registry: Registry, tmp_path: Path) -> None:
    folder = str(gpt2_folder(tmp_path / "mine"))
    whole = trained(load_base(folder, registry, whole=0), tmp_path / "whole", steps=6)
    config = TuneConfig(steps=6, warmup_steps=1, learning_rate=1e-2, checkpoint_every=2)
    short = load_base(folder, registry, whole=0)
    with pytest.raises(KeyboardInterrupt):
        tune(short.model, examples(short), config, checkpoint=tmp_path / "cut", validation=_Killing())
    resumed = load_base(folder, registry, whole=0)
    rows = tune(resumed.model, examples(resumed), config, checkpoint=tmp_path / "cut")
    assert [row["step"] for row in rows] == [2, 4, 6]
    for (name, one), (_, other) in zip(
        whole.model.named_parameters(), resumed.model.named_parameters(), strict=True
    ):
        assert torch.equal(one, other), name


class _Killing(list):  # type: ignore[type-arg]
    """Validation examples that end the run when they are looked at for the second time."""

    seen = 0

    def __bool__(self) -> bool:
        self.seen += 1
        if self.seen == 2:
            raise KeyboardInterrupt
        return False


@pytest.mark.parametrize("kind", BASES)
@pytest.mark.parametrize("positions", [64, 128, 256])
def test_prompt_and_reply_fit_models_of_few_positions(
    kind: str, positions: int, registry: Registry, tmp_path: Path
) -> None:
    base = load_base(str(BASES[kind](tmp_path / "mine", positions=positions)), registry)
    turns = tuple(("customer" if i % 2 else "agent", f"{i} order parcel late " * 9) for i in range(12))
    full = Prompt(
        turns, near=["the parcel is late " * 20] * 3, article="the order " * 40, intent="delivery late"
    )
    ids, reply = base.codec.prompt(full), base.codec.reply("sorry " * 90, 64)
    assert len(ids) + len(reply) <= positions
    assert "11 order" in base.codec.decode(ids)
    save_reply_model(base.model, base.codec, tmp_path / "reply")
    writer = Generator.load(tmp_path / "reply")
    assert len(writer.draft([full], [frozenset()])) == 1
    assert len(writer.logprobs([full], [["the parcel is late", "sorry " * 90]])[0]) == 2


def test_a_folder_of_pickles_is_refused_with_the_way_out(registry: Registry, tmp_path: Path) -> None:
    folder = gpt2_folder(tmp_path / "mine")
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(ModelError, match=r"pickled weights.*convert it.*save_pretrained"):
        load_base(str(folder), registry)


def test_weights_converted_as_the_message_says_are_accepted(registry: Registry, tmp_path: Path) -> None:
    folder = gpt2_folder(tmp_path / "mine")
    before = load_base(str(folder), registry)
    GPT2Model.from_pretrained(folder).save_pretrained(folder)
    after = load_base(str(folder), registry)
    assert torch.equal(before.model.lm_head.weight, after.model.lm_head.weight)


def test_another_architecture_is_refused(registry: Registry, tmp_path: Path) -> None:
    config = BertConfig(
        vocab_size=50, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16
    )
    BertModel(config).save_pretrained(tmp_path / "bert")
    with pytest.raises(ModelError, match=r"type 'bert'.*must be a GPT-2"):
        load_base(str(tmp_path / "bert"), registry)


@pytest.mark.parametrize(
    ("setting", "value", "said"),
    [
        ("activation_function", "relu", "activation_function = 'relu'"),
        ("scale_attn_by_inverse_layer_idx", True, "scale_attn_by_inverse_layer_idx"),
        ("tie_word_embeddings", False, "tie_word_embeddings"),
        ("n_positions", 32, "32 positions, too few"),
        ("n_layer", 3, "lacks 12 of its weights"),
        ("n_embd", "wide", "can't be read as a GPT-2"),
    ],
)
def test_a_gpt2_that_can_not_be_served_is_refused(
    setting: str, value: object, said: str, registry: Registry, tmp_path: Path
) -> None:
    folder = gpt2_folder(tmp_path / "mine")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, setting: value}))
    with pytest.raises(ModelError, match=said):
        load_base(str(folder), registry)


def test_damaged_files_are_named(registry: Registry, tmp_path: Path) -> None:
    folder = gpt2_folder(tmp_path / "mine")
    weights = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(weights[:5000])
    with pytest.raises(ModelError, match="can't be read as a GPT-2"):
        load_base(str(folder), registry)
    (folder / "model.safetensors").write_bytes(weights)
    (folder / "tokenizer.json").write_text("{")
    with pytest.raises(ModelError, match="no readable tokeniser"):
        load_base(str(folder), registry)
    (folder / "config.json").unlink()
    with pytest.raises(ModelError, match=r"no config\.json"):
        load_base(str(folder), registry)


def test_a_name_that_is_nothing_here_and_can_not_be_fetched_says_what_to_do(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(*_: object, **__: object) -> str:
        raise ConnectionError("no route to host")

    monkeypatch.setattr(hub, "snapshot_download", unreachable)
    with pytest.raises(ModelError, match=r"can't be fetched .*hf download distilgpt2 .*pass its path"):
        load_base("distilgpt2", registry)
    with pytest.raises(ModelError, match=r"there is no folder \./nowhere"):
        load_base("./nowhere", registry)


def test_a_hub_id_is_fetched_without_pickles(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = gpt2_folder(tmp_path / "snapshots" / "607a30d783dfa663caf39e06633721c8d4cfcd7e")
    asked: list[object] = []

    def fetched(name: str, *, allow_patterns: list[str], ignore_patterns: list[str]) -> str:
        asked.extend([name, *allow_patterns])
        return str(folder)

    monkeypatch.setattr(hub, "snapshot_download", fetched)
    base = load_base("openai-community/gpt2", registry)
    assert base.facts["name"] == "openai-community/gpt2"
    assert base.facts["source"] == "Hugging Face Hub, revision 607a30d783df"
    assert "*.safetensors" in asked and "*.bin" not in asked


def test_typed_control_tokens_stay_text_in_every_base(registry: Registry, tmp_path: Path) -> None:
    for make in BASES.values():
        codec = load_base(str(make(tmp_path / make.__name__)), registry).codec
        own = {codec.end, *codec.control.values(), *codec.slot_ids.values()}
        for typed in (*ALL_TOKENS[:9], END):
            assert not own & set(codec.encode(f"hello {typed}{typed} 您好"[:200].replace("<|slot:", "<|")))


def test_chinese_is_drafted_without_stray_spaces(registry: Registry, tmp_path: Path) -> None:
    base = load_base(str(chinese_gpt2_folder(tmp_path / "mine")), registry)
    reply = f"您好，订单{token('order_id')}明天送到。"
    tune(base.model, [
        Example((*base.codec.prompt(LATE), *base.codec.reply(reply, 64)),
                (0.0,) * len(base.codec.prompt(LATE)) + (1.0,) * len(base.codec.reply(reply, 64)))
    ] * 8, TuneConfig(steps=60, warmup_steps=2, learning_rate=1e-2), checkpoint=tmp_path / "run")  # fmt: skip
    engine = Engine(base.model.train(False), end=base.codec.end)
    (drafts,) = Generator(engine, base.codec).draft([LATE], [frozenset({"order_id"})])
    assert drafts[0].template == reply
    assert set(CHINESE) >= set("您好订单明天送到")
