"""Any GPT-2 as the base of a reply model: the starter, a published version, a local folder, a Hub id.

A base comes out ready to train: with our tokens in its tokeniser, a row of its embedding for each, and
trained whole or, where it is large, by low-rank changes. Knows the layout of model folders; knows no
conversation and no training loop.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from huggingface_hub.errors import StrictDataclassError
from safetensors import SafetensorError
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

from nlp.errors import ModelError, one_line
from nlp.prompts import ALL_TOKENS, END, PromptCodec
from nlp.registry import STARTER, Registry
from nlp.tokens import TextCodec, read_tokenizer
from training.hub import model_folder, read_config
from training.lowrank import change_gpt2, plain_weights

WHOLE = 30_000_000
"""Models of up to so many parameters are trained whole."""
RANK = 8
FEWEST_POSITIONS = 64
_LIKE_OURS: dict[str, tuple[object, ...]] = {
    "activation_function": ("gelu_new", "gelu_pytorch_tanh"),
    "add_cross_attention": (False,),
    "scale_attn_weights": (True,),
    "scale_attn_by_inverse_layer_idx": (False,),
    "tie_word_embeddings": (True,),
    "quantization_config": (None,),
}
"""Settings of GPT-2 that `nlp.engine` has one way for; a config that names none has ours."""


@dataclass(frozen=True, slots=True)
class Base:
    """A reply model ready for `training.finetune.tune`, with the codec to make its examples.

    `facts` is for the model card: name, source, licence, parameters, positions, vocabulary, added_tokens,
    training.
    """

    model: GPT2LMHeadModel
    codec: PromptCodec
    low_rank: bool
    facts: Mapping[str, object]


def load_base(name: str, registry: Registry, *, seed: int = 17, whole: int = WHOLE) -> Base:
    """`starter`, a published version, a folder in Hugging Face layout, or a Hub id, in this order.

    Trained whole up to `whole` parameters. The same seed gives the same model. Only safetensors are read.
    Raises RegistryError or ModelError, each with one line that says what to do.
    """
    folder, origin = _found(name, registry)
    model = _model(folder, name)
    tokenizer = read_tokenizer(folder)
    added = _add_tokens(tokenizer)
    codec = PromptCodec(tokenizer, model.config.n_positions)
    _make_rows(model, codec, TextCodec(tokenizer), added)
    _set_ends(model, codec)
    parameters = model.num_parameters()
    if low_rank := parameters > whole:
        change_gpt2(model, rank=RANK, first=_first_of_ours(codec), seed=seed)
    facts = {
        **origin,
        "parameters": parameters,
        "positions": model.config.n_positions,
        "vocabulary": codec.vocabulary_size,
        "added_tokens": len(added),
        "training": f"low-rank changes of rank {RANK}, and the rows of our tokens" if low_rank else "whole",
    }
    return Base(model, codec, low_rank, facts)


def save_reply_model(model: GPT2LMHeadModel, codec: PromptCodec, folder: Path) -> None:
    """Write the folder in Hugging Face layout: half-precision safetensors, config, tokeniser.

    Low-rank changes are added to the weights of what is written; `model` itself stays as it is.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _set_ends(model, codec)
    # The output matrix is the input one again: stored once.
    halved = {name: value.half().contiguous() for name, value in plain_weights(model).items()}
    model.save_pretrained(folder, state_dict=halved)
    codec.save(folder)


def _found(name: str, registry: Registry) -> tuple[Path, dict[str, object]]:
    """The folder of a base, and what is known of its origin."""
    if name in registry.names():
        source = "shipped with Deskhand" if name == STARTER else "published here"
        licence = "Apache-2.0" if name == STARTER else "unknown"
        return registry.get(name).reply, {"name": name, "source": source, "licence": licence}
    found = model_folder(name)
    return found.path, {"name": found.name, "source": found.source, "licence": "unknown"}


def _model(folder: Path, name: str) -> GPT2LMHeadModel:
    """The model in float32, without dropout and with the attention that trains fastest on a processor."""
    config = read_config(folder)
    _check_architecture(config, name)
    try:
        loaded: Any = GPT2LMHeadModel.from_pretrained(
            folder,
            config=GPT2Config.from_dict({**config, "resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0}),
            attn_implementation="eager",
            dtype=torch.float32,
            local_files_only=True,
            use_safetensors=True,
            output_loading_info=True,
        )
    # What a damaged file raises depends on where it is damaged.
    except (OSError, ValueError, RuntimeError, KeyError, StrictDataclassError, SafetensorError) as error:
        raise ModelError(
            f"{name} can't be read as a GPT-2 ({one_line(error)}); download the folder again"
        ) from error
    model: GPT2LMHeadModel = loaded[0]
    if missing := sorted(set(loaded[1]["missing_keys"]) - {"lm_head.weight"}):
        raise ModelError(
            f"{name} lacks {len(missing)} of its weights ({missing[0]}); download the folder again"
        )
    return model


def _check_architecture(config: Mapping[str, Any], name: str) -> None:
    kind = config.get("model_type")
    if kind != "gpt2":
        raise ModelError(
            f'{name} is a model of type {kind!r}, and a reply model must be a GPT-2 (model_type "gpt2"), '
            "such as gpt2, distilgpt2 or a Chinese GPT-2"
        )
    for setting, allowed in _LIKE_OURS.items():
        if config.get(setting, allowed[0]) not in allowed:
            raise ModelError(
                f"{name} is a GPT-2 with {setting} = {config[setting]!r}, which can't be served here; "
                f"choose one with {allowed[0]!r}"
            )
    if int(config.get("n_positions", 1024)) < FEWEST_POSITIONS:
        raise ModelError(
            f"{name} has {config['n_positions']} positions, too few for a prompt and a reply; "
            f"choose a model with {FEWEST_POSITIONS} or more"
        )


def _add_tokens(tokenizer: PreTrainedTokenizerFast) -> list[str]:
    """Make our tokens known where they are missing; returns those that were."""
    known = tokenizer.get_vocab()
    missing = [token for token in ALL_TOKENS if token not in known]
    if missing or tokenizer.eos_token != END or tokenizer.pad_token != END:
        # One call for all: a second one would replace the first one's list.
        ours = [token for token in ALL_TOKENS if token != END]
        others = [token for token in map(str, tokenizer.extra_special_tokens) if token not in ours]
        tokenizer.add_special_tokens(
            {"eos_token": END, "pad_token": END, "extra_special_tokens": [*others, *ours]}
        )
    return missing


def _make_rows(model: GPT2LMHeadModel, codec: PromptCodec, text: TextCodec, added: Sequence[str]) -> None:
    """A row of the embedding for each added token: the mean of the words that its name says."""
    size, known = codec.vocabulary_size, model.config.vocab_size
    old = min([known, *(text.vocabulary[token] for token in added)])
    if size != known:
        model.resize_token_embeddings(size, mean_resizing=False)
    rows = model.transformer.wte.weight.detach()
    rows[old:] = rows[:old].mean(dim=0)
    for token in added:
        words = token.strip("<|>").removeprefix("slot:").replace("_", " ").replace(":", " ")
        said = [number for number in text.encode(f" {words}") if number < old and number not in text.special]
        if said and token != END:
            rows[text.vocabulary[token]] = rows[said].mean(dim=0)


def _first_of_ours(codec: PromptCodec) -> int:
    """The id from which on all tokens are ours."""
    ours = {codec.end, *codec.control.values(), *codec.slot_ids.values()}
    first = codec.vocabulary_size
    while first - 1 in ours:
        first -= 1
    return first


def _set_ends(model: GPT2LMHeadModel, codec: PromptCodec) -> None:
    for settings in (model.config, model.generation_config):
        settings.bos_token_id = settings.eos_token_id = settings.pad_token_id = codec.end
