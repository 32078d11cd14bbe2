"""The decode loop against transformers' own generate, on a small random model."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel

from nlp.engine import Engine, GenerationRequest
from nlp.errors import ModelError

END = 0


@pytest.fixture(scope="module")
def model() -> GPT2LMHeadModel:
    torch.manual_seed(3)
    config = GPT2Config(
        vocab_size=97, n_positions=64, n_embd=32, n_layer=2, n_head=4, bos_token_id=END, eos_token_id=END
    )
    made = GPT2LMHeadModel(config).eval()
    # Random weights of the usual size make near-uniform logits: scale them so that greedy choices are clear.
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.mul_(4.0)
    return made


@pytest.fixture(scope="module")
def engine(model: GPT2LMHeadModel) -> Engine:
    return Engine(model, end=END)


def prompt(length: int, seed: int) -> tuple[int, ...]:
    return tuple(torch.randint(1, 97, (length,), generator=torch.Generator().manual_seed(seed)).tolist())


def test_greedy_gives_the_tokens_of_generate_for_prompts_of_different_length(
    engine: Engine, model: GPT2LMHeadModel
) -> None:
    prompts = [prompt(n, n) for n in (5, 12, 9, 1)]
    requests = [GenerationRequest(p, candidates=1, max_new_tokens=3) for p in prompts]
    for ids, found in zip(prompts, engine.generate(requests), strict=True):
        wanted = model.generate(
            torch.tensor([ids]),
            max_new_tokens=3,
            do_sample=False,
            pad_token_id=END,
            attention_mask=torch.ones(1, len(ids)),
        )[0, len(ids) :].tolist()
        assert list(found[0].ids) == [i for i in wanted if i != END]


def test_a_sampled_reply_does_not_depend_on_who_shares_the_batch(engine: Engine) -> None:
    one = GenerationRequest(prompt(7, 1), candidates=3, max_new_tokens=12, seed=5)
    other = GenerationRequest(prompt(15, 2), candidates=4, max_new_tokens=20, seed=6)
    alone = engine.generate([one])[0]
    together = engine.generate([other, one])[1]
    assert [g.ids for g in alone] == [g.ids for g in together]


def test_banned_tokens_never_appear(engine: Engine) -> None:
    banned = tuple(range(1, 60))
    found = engine.generate([GenerationRequest(prompt(6, 4), candidates=6, max_new_tokens=25, banned=banned)])
    assert not {i for g in found[0] for i in g.ids} & set(banned)


def test_no_run_of_four_tokens_is_repeated(engine: Engine) -> None:
    for found in engine.generate([GenerationRequest(prompt(6, 9), candidates=6, max_new_tokens=50)])[0]:
        runs = [found.ids[i : i + 4] for i in range(len(found.ids) - 3)]
        assert len(runs) == len(set(runs))


def test_logprob_is_the_models_own_mean(engine: Engine, model: GPT2LMHeadModel) -> None:
    ids = prompt(6, 11)
    found = engine.generate([GenerationRequest(ids, candidates=2, max_new_tokens=8)])[0][1]
    whole = torch.tensor([[*ids, *found.ids, *([END] if found.finished else [])]])
    with torch.no_grad():
        chances = model(whole).logits.log_softmax(-1)
    wanted = [float(chances[0, i - 1, whole[0, i]]) for i in range(len(ids), whole.shape[1])]
    assert found.logprob == pytest.approx(sum(wanted) / len(wanted), abs=1e-4)


def test_score_agrees_with_a_plain_forward_pass(engine: Engine, model: GPT2LMHeadModel) -> None:
    prompts = [prompt(4, 1), prompt(11, 2)]
    replies = [[prompt(3, 5), prompt(9, 6)], [prompt(1, 7)]]
    scores = engine.score(prompts, replies)
    for ids, group, found in zip(prompts, replies, scores, strict=True):
        for reply, score in zip(group, found, strict=True):
            whole = torch.tensor([[*ids, *reply]])
            with torch.no_grad():
                chances = model(whole).logits.log_softmax(-1)
            wanted = [float(chances[0, i - 1, whole[0, i]]) for i in range(len(ids), whole.shape[1])]
            assert score == pytest.approx(sum(wanted) / len(wanted), abs=1e-4)


def test_a_request_that_does_not_fit_is_refused_before_any_work(engine: Engine) -> None:
    with pytest.raises(ModelError, match="positions"):
        engine.generate([GenerationRequest(prompt(40, 1), max_new_tokens=40)])


def test_a_folder_with_pickled_weights_is_refused(tmp_path: Path) -> None:
    (tmp_path / "pytorch_model.bin").write_bytes(b"x")
    with pytest.raises(ModelError, match="pickled"):
        Engine.load(tmp_path, end=END)


def test_a_folder_without_weights_is_refused_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=tmp_path.name):
        Engine.load(tmp_path, end=END)
