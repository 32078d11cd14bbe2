"""A pre-trained encoder in place of the shipped one: any folder that transformers' AutoModel reads.

BERT, XLNet, a multilingual MiniLM, a GPT-2 ...: text to tokens with their places in the text, and a
fresh copy of the weights for each head. Knows folders and tokenisers; knows no task and no label.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModel, PreTrainedTokenizerFast

from nlp.batches import MAX_TOKENS, STEP, Tokens, padded
from nlp.errors import ModelError, one_line
from nlp.tokens import read_tokenizer, readable, save_tokenizer

_NOT_NEEDED = ("pooler", "lm_head", "cls.", "mask_emb")
_WORD = re.compile(r"[\u3400-\u9fff]|[^\W\u3400-\u9fff]+|[^\w\s]")
"""A run of letters and digits, a single Chinese character, or a single sign."""


class Backbone:
    """One folder's tokeniser and the way to its weights."""

    def __init__(
        self, folder: Path, name: str, tokenizer: PreTrainedTokenizerFast, config: dict[str, Any]
    ) -> None:
        self._folder, self.name, self._tokenizer = folder, name, tokenizer
        self._limit = _most_tokens(config)
        self._weights = self._read()
        self.width = int(self._weights.get_input_embeddings().weight.shape[1])
        """Numbers in a state."""
        self.parameters = int(self._weights.num_parameters())

    @classmethod
    def load(cls, folder: Path, name: str) -> Backbone:
        """Read a folder in Hugging Face layout, safetensors only, and try it on two texts.

        Raises ModelError, which says what is wrong with it.
        """
        try:
            config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
            found = cls(folder, name, read_tokenizer(folder), config)
        # What is missing or damaged shows as whatever the model's own class raises.
        except Exception as error:
            raise ModelError(f"{name} can't be read as an encoder: {one_line(error)}") from error
        if config.get("is_encoder_decoder"):
            raise ModelError(f"{name} has an encoder and a decoder; choose an encoder such as BERT or XLNet")
        found._try()
        return found

    def model(self) -> Any:
        """A fresh copy of the weights, float32."""
        return self._read()

    def tokens(self, texts: Sequence[str], device: torch.device | str = "cpu") -> Tokens:
        """Texts as tokens. What a person typed that looks like a special token is text here as well."""
        some = self._tokenizer(
            [readable(text) for text in texts],
            truncation=True,
            max_length=self._limit,
            split_special_tokens=True,
            return_offsets_mapping=True,
        )
        # A text without a token can't be read: it gets one that stands for nothing.
        rows = [row or [0] for row in some["input_ids"]]
        ids, mask = padded(rows, device)
        spans = [
            tuple(map(partial(_clear, text), found or [(0, 0)]))
            for text, found in zip(texts, some["offset_mapping"], strict=True)
        ]
        words = tuple(word_numbers(text, found) for text, found in zip(texts, spans, strict=True))
        return Tokens(tuple(texts), ids, mask, tuple(spans), words)

    def save(self, folder: Path) -> None:
        """Write the folder that `load` reads, weights in half precision."""
        folder.mkdir(parents=True, exist_ok=True)
        self._read().half().save_pretrained(folder)
        save_tokenizer(self._tokenizer, folder)
        # A sentence-piece file beside tokenizer.json says nothing new, and is of no kind that is published.
        for extra in folder.glob("*.model"):
            extra.unlink()

    def _read(self) -> Any:
        model, report = AutoModel.from_pretrained(
            self._folder,
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,
            dtype=torch.float32,
            output_loading_info=True,
        )
        missing = sorted(k for k in report["missing_keys"] if not any(part in k for part in _NOT_NEEDED))
        if missing:
            raise ModelError(f"it lacks {len(missing)} of its weights ({missing[0]}); download it again")
        return model

    @torch.inference_mode()
    def _try(self) -> None:
        """Raise ModelError where it can't read two plain texts."""
        try:
            read = self.tokens(["Where is my order?", "您好"])
            states = self._weights.train(False)(
                inputs_embeds=self._weights.get_input_embeddings()(read.ids), attention_mask=read.mask.long()
            ).last_hidden_state
        except Exception as error:
            raise ModelError(f"{self.name} can't read text as an encoder: {one_line(error)}") from error
        if not states.isfinite().all():
            raise ModelError(f"{self.name} makes states that are no numbers; its weights may be damaged")
        if states.shape[-1] != self.width:
            raise ModelError(
                f"{self.name} has states of another width than its words; choose another encoder"
            )


def word_numbers(text: str, spans: Sequence[tuple[int, int]]) -> tuple[int, ...]:
    """For each token's place in a text the number of its word there; -1 for one that has no place."""
    starts = [found.start() for found in _WORD.finditer(text)]
    return tuple(bisect_right(starts, start) - 1 if start < end else -1 for start, end in spans)


def _clear(text: str, span: tuple[int, int]) -> tuple[int, int]:
    """A token's place without the space that some tokenisers count as its beginning."""
    start, end = span
    inside = text[start:end]
    start += len(inside) - len(inside.lstrip())
    return (start, end) if start < end else (0, 0)


def _most_tokens(config: dict[str, Any]) -> int:
    """Tokens read of a text: ours, or what the model has positions for, two of which some keep back."""
    positions = int(config.get("max_position_embeddings") or config.get("n_positions") or 0)
    most = min(MAX_TOKENS, positions - 2) if positions > 0 else MAX_TOKENS
    return max(STEP, most - most % STEP)
