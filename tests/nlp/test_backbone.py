"""Any encoder can stand under a head: its tokens have true places, and its folder comes back the same."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from nlp.backbone import Backbone, word_numbers
from nlp.errors import HeadsError, ModelError
from nlp.heads import Heads, save_head
from nlp.reading import Reader
from nlp.registry import STARTER_FOLDER
from nlp.sentiment import SentimentHead
from tests.small_models import bert_folder, chinese_gpt2_folder, gpt2_folder, xlnet_folder
from training.lowrank import changes_of, make_trainable

MADE = {"bert": bert_folder, "xlnet": xlnet_folder, "gpt2": gpt2_folder, "chinese": chinese_gpt2_folder}
TEXT = "Where  is my order, please? 您好 #12."


@pytest.mark.parametrize("kind", MADE)
def test_tokens_have_their_places_in_the_text(kind: str, tmp_path: Path) -> None:
    backbone = Backbone.load(MADE[kind](tmp_path / kind), kind)
    tokens = backbone.tokens([TEXT, "", "late " * 400, "\ud800"])
    assert tokens.ids.shape == tokens.mask.shape and tokens.mask.any(1).all()
    places = [place for place in tokens.offsets[0] if place != (0, 0)]
    covered = {at for start, end in places for at in range(start, end)}
    assert covered == {at for at, sign in enumerate(TEXT) if sign != " "}
    words = [word for word in tokens.words[0] if word >= 0]
    # "您好" is two words, and one token of a tokeniser that knows nothing of Chinese.
    assert words == sorted(words) and set(range(12)) - set(words) <= {8}


def test_a_word_is_a_run_of_letters_a_chinese_character_or_a_sign() -> None:
    text = "pay 您好 £12.50"
    assert word_numbers(text, [(0, 2), (2, 3), (0, 0), (4, 5), (5, 6), (7, 8), (8, 10)]) == (
        0,
        0,
        -1,
        1,
        2,
        3,
        4,
    )


@pytest.mark.parametrize("kind", MADE)
def test_a_head_over_another_encoder_is_written_and_read_back(kind: str, tmp_path: Path) -> None:
    backbone = Backbone.load(MADE[kind](tmp_path / kind), f"somebody/{kind}")
    torch.manual_seed(1)
    head = SentimentHead(backbone)
    make_trainable(head.encoder, 4)
    changes = changes_of(head.encoder)
    for change in changes.values():
        torch.nn.init.normal_(change, std=0.2)
    folder = tmp_path / "heads"
    folder.mkdir()
    for path in (STARTER_FOLDER / "heads").iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    save_head(folder, "sentiment", head, changes)
    read = Heads.load(folder)
    assert read.sentiment.encoder.backbone is not None and read.intents.encoder.backbone is None
    assert read.sentiment.encoder.backbone.name == f"somebody/{kind}"
    reader = Reader.load(folder)
    head.train(False)
    with torch.inference_mode():
        tokens = backbone.tokens([TEXT])
        expected = head(tokens.ids, tokens.mask).softmax(-1)[0].tolist()
    (mood,) = reader.sentiments([TEXT])
    assert [mood.negative, mood.neutral, mood.positive] == pytest.approx(expected, abs=0.03)
    (analysis,) = reader.read([TEXT])
    assert analysis.sentiment == mood and analysis.embedding.shape == (384,)


def test_a_head_whose_encoder_is_gone_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "heads"
    folder.mkdir()
    for path in (STARTER_FOLDER / "heads").iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    head = SentimentHead(Backbone.load(bert_folder(tmp_path / "bert"), "bert"))
    make_trainable(head.encoder, 4)
    save_head(folder, "sentiment", head, changes_of(head.encoder))
    (folder / "encoders" / "sentiment" / "model.safetensors").unlink()
    with pytest.raises(HeadsError, match="an encoder of the heads in heads can't be read"):
        Heads.load(folder)


def test_an_encoder_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    damaged = bert_folder(tmp_path / "damaged")
    (damaged / "model.safetensors").write_bytes(b"nothing")
    with pytest.raises(ModelError, match="can't be read as an encoder"):
        Backbone.load(damaged, "damaged")
