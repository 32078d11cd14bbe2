"""Texts to tokens and unit embeddings: the plain all-MiniLM-L6-v2.

The heads that read a message work on the tokens it returns, retrieval on the embeddings. Knows no
task and no label.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer

from nlp.batches import BUCKET, MAX_TOKENS, Tokens, mean_of, padded
from nlp.minilm import WIDTH, load_tokenizer
from nlp.tokens import readable
from nlp.tuned import TunedEncoder


class Encoder:
    """The loaded sentence encoder. Immutable; safe to call from one thread at a time."""

    def __init__(self, model: TunedEncoder, tokenizer: Tokenizer, device: str) -> None:
        self._model = model
        self._tokenizer = tokenizer
        self._device = device

    @classmethod
    def load(cls, device: str = "cpu") -> Encoder:
        """Load from the installed package, after checking the weights' SHA-256.

        Raises EncoderError when the package is missing or its weights are not the expected ones.
        """
        model, tokenizer = TunedEncoder(), load_tokenizer()
        model.serve(device)
        tokenizer.enable_truncation(max_length=MAX_TOKENS)
        return cls(model, tokenizer, device)

    def tokens(self, texts: Sequence[str]) -> Tokens:
        """Texts as tokens, for the heads; for micro-batches, not for a whole corpus."""
        encodings = self._tokenizer.encode_batch([readable(text) for text in texts])
        ids, mask = padded([item.ids for item in encodings], self._device)
        return Tokens(
            texts=tuple(texts),
            ids=ids,
            mask=mask,
            offsets=tuple(tuple(item.offsets) for item in encodings),
            words=tuple(tuple(-1 if word is None else word for word in item.word_ids) for item in encodings),
        )

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """The unit embeddings, (n, 384), of any number of texts."""
        rows = [item.ids for item in self._tokenizer.encode_batch([readable(text) for text in texts])]
        embedding = np.zeros((len(rows), WIDTH), dtype=np.float32)
        order = sorted(range(len(rows)), key=lambda row: len(rows[row]))
        for start in range(0, len(order), BUCKET):
            some = order[start : start + BUCKET]
            ids, mask = padded([rows[row] for row in some], self._device)
            with torch.inference_mode():
                means = mean_of(self._model(ids, mask), mask)
                embedding[some] = torch.nn.functional.normalize(means, dim=1).cpu().numpy()
        return embedding
