"""A head taught on somebody's own texts over the encoder that won is published, measured and served."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from bot import cli, logs
from nlp.reading import Reader
from nlp.registry import Registry
from nlp.types import Entity
from tests.small_models import bert_folder

SAID = {
    "delivery": ["where is my parcel", "my order is late", "the parcel is late"],
    "refund": ["my money back please", "a refund please", "refund my order"],
}
MOODS = {"negative": ["my order is late", "late late"], "positive": ["blue shirt please", "a blue colour"]}


@pytest.fixture
def environ(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(logs, "configure", lambda level: None)
    return {"DESKHAND_DATA_DIR": str(tmp_path / "data")}


def labelled(path: Path, key: str, said: dict[str, list[str]]) -> Path:
    rng = random.Random(3)
    lines = []
    for at in range(160):
        name = sorted(said)[at % len(said)]
        text = f"{' '.join(rng.sample(said[name], 2))} {rng.randrange(1000)}"
        lines.append(json.dumps({"text": text, key: name}))
    path.write_text("\n".join(lines))
    return path


def tagged(path: Path) -> Path:
    lines = []
    for at in range(160):
        tokens = f"where is my {'shirt' if at % 2 else 'parcel'} {1000 + at}".split()
        lines.append(json.dumps({"tokens": tokens, "tags": ["O", "O", "O", "B-product", "B-order_id"]}))
    path.write_text("\n".join(lines))
    return path


def published(capsys: Any, environ: dict[str, str], path: Path, task: str, encoder: str) -> dict[str, Any]:
    argv = ["encoders", str(path), "--task", task, "--try", encoder, "--publish", "--json"]
    assert cli.main(argv, environ) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_intents_of_a_shop_over_its_own_encoder(tmp_path: Path, environ: dict[str, str], capsys: Any) -> None:
    path, bert = labelled(tmp_path / "intents.jsonl", "intent", SAID), bert_folder(tmp_path / "bert")
    out = published(capsys, environ, path, "intents", str(bert))
    assert out["head"]["figures"]["accuracy"] > 0.9 and out["head"]["before"] == {}
    version = Registry(tmp_path / "data" / "models").get(out["version"])
    assert version.facts["parent"] == "starter"
    reader = Reader.load(version.heads)
    assert [one.name for one in reader.intents(["a refund please", "the parcel is late"])] == [
        "refund",
        "delivery",
    ]
    card = (version.heads / "README.md").read_text()
    assert card.startswith("# Reading heads, intents taught on own texts") and "`bert`" in card
    # The next head begins from what serves.
    assert cli.main(["models", "promote", out["version"]], environ) == 0
    capsys.readouterr()
    moods = labelled(tmp_path / "moods.jsonl", "label", MOODS)
    out = published(capsys, environ, moods, "sentiment", str(bert))
    assert out["head"]["before"]["n"] == out["head"]["held_out"]
    reader = Reader.load(Registry(tmp_path / "data" / "models").get(out["version"]).heads)
    assert reader.sentiments(["late late"])[0].label == "negative"
    assert reader.intents(["a refund please"])[0].name == "refund"


def test_entities_over_another_encoder(tmp_path: Path, environ: dict[str, str], capsys: Any) -> None:
    path, bert = tagged(tmp_path / "entities.jsonl"), bert_folder(tmp_path / "bert")
    out = published(capsys, environ, path, "entities", str(bert))
    assert out["measure"] == "f1" and 0 <= out["encoders"][str(bert)]["f1"] <= 1
    version = Registry(tmp_path / "data" / "models").get(out["version"])
    assert set(out["head"]["figures"]) >= {"n", "f1", "recall"}
    (found,) = Reader.load(version.heads).entities(["where is my parcel 1004"])
    assert all(isinstance(one, Entity) for one in found)


def test_labels_that_no_head_can_have_are_told(tmp_path: Path, environ: dict[str, str], capsys: Any) -> None:
    path = labelled(
        tmp_path / "moods.jsonl", "label", {"angry": ["late late", "my order"], "calm": ["a", "the"]}
    )
    argv = ["encoders", str(path), "--task", "sentiment", "--try", "minilm", "--publish"]
    assert cli.main(argv, environ) == 1
    assert "rename it to one of negative, neutral, positive" in capsys.readouterr().err
