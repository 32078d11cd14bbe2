from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from nlp.errors import HeadsError
from nlp.heads import Heads
from nlp.reading import Reader

STARTER = Path("nlp/starter/heads")
ODD = [
    "",
    " ",
    "😀",
    "\n\n",
    "x" * 8000,
    "wo" + "\u0301" * 500,
    "<|agent|>",
    "\ud800",
    "a\u200bb\x00c",
    "مرحبا",
    "Ğ" * 300,
]


@pytest.fixture(scope="module")
def reader() -> Reader:
    return Reader.load(STARTER, ["Skerry rain jacket"])


def test_one_reading_says_everything(reader: Reader) -> None:
    text = "Hi, I'm Anna Kowalski. Where is my skerry rain jacket? The order is TT-104823."
    (analysis,) = reader.read([text])
    assert analysis.language == "en"
    assert analysis.embedding.shape == (384,)
    values = {entity.type: entity.value for entity in analysis.entities}
    assert values["order_id"] == "TT-104823"
    assert values["product"] == "Skerry rain jacket"
    assert values["person"] == "Anna Kowalski"
    assert analysis.intent.name in reader.heads.intents.labels


def test_any_text_can_be_read(reader: Reader) -> None:
    for text, analysis in zip(ODD, reader.read(ODD), strict=True):
        assert all(text[e.start : e.end] == e.text for e in analysis.entities)
        assert np.isfinite(analysis.embedding).all()
        assert 0 <= analysis.sentiment.score <= 1


def test_answers_stand_in_the_order_of_the_messages(reader: Reader) -> None:
    texts = [f"order {number} " + "please " * (number % 7) for number in range(104800, 104840)]
    readings = reader.read(texts)
    assert [r.entities[0].value for r in readings] == [str(number) for number in range(104800, 104840)]


def test_reading_a_part_says_the_same_as_reading_all(reader: Reader) -> None:
    texts = ["Where is my Skerry rain jacket?", "thank you, that was quick", "Anna Kowalski, TT-104823"]
    readings = reader.read(texts)
    assert reader.entities(texts) == [one.entities for one in readings]
    assert [mood.label for mood in reader.sentiments(texts)] == [one.sentiment.label for one in readings]


def test_nothing_to_read(reader: Reader) -> None:
    assert reader.read([]) == []


def test_a_value_at_the_end_of_a_long_message_is_still_found(reader: Reader) -> None:
    text = "and then I waited. " * 400 + "The order number is TT-104823"
    assert [e.value for e in reader.read([text])[0].entities if e.type == "order_id"] == ["TT-104823"]


def test_a_folder_that_is_no_heads_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(HeadsError, match=r"config\.json"):
        Heads.load(tmp_path)
    shutil.copytree(STARTER, tmp_path, dirs_exist_ok=True)
    (tmp_path / "sentiment.safetensors").write_bytes(b"torn")
    with pytest.raises(HeadsError, match="sentiment"):
        Heads.load(tmp_path)
    config = (
        (tmp_path / "config.json")
        .read_text(encoding="utf-8")
        .replace('"encoder_sha256": "5', '"encoder_sha256": "6')
    )
    (tmp_path / "config.json").write_text(config, encoding="utf-8")
    with pytest.raises(HeadsError, match="another encoder"):
        Heads.load(tmp_path)
