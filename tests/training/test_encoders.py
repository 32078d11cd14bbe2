"""Encoders are compared on the same held-out texts, and a bad candidate is told before any work."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from bot import cli, logs
from nlp.errors import ModelError
from tests.small_models import bert_folder, chinese_gpt2_folder, gpt2_folder, xlnet_folder
from training.encoders import Labelled, compare, load_candidate
from training.files import BadFile, held_out

MADE = {"bert": bert_folder, "xlnet": xlnet_folder, "gpt2": gpt2_folder}
SAID = {
    "delivery": ["where is my parcel", "my order is late", "the parcel is late"],
    "refund": ["my money back please", "a refund please", "refund my order"],
    "sizes": ["a blue shirt size", "the size is where", "colour blue please"],
}


@pytest.fixture
def intents(tmp_path: Path) -> Path:
    rng = random.Random(3)
    lines = []
    for at in range(120):
        name = sorted(SAID)[at % 3]
        text = " ".join(rng.sample(SAID[name], 2)) + f" {rng.randrange(1000)}"
        lines.append(json.dumps({"text": text, "intent": name}))
    path = tmp_path / "intents.jsonl"
    path.write_text("\n".join(lines))
    return path


@pytest.mark.parametrize("kind", MADE)
def test_any_architecture_reads_texts_of_any_length_and_script(kind: str, tmp_path: Path) -> None:
    candidate = load_candidate(str(MADE[kind](tmp_path / kind)))
    texts = ["where is my order", "", "late " * 400, "您好 👍 [SEP] <|endoftext|>", "\ud800"]
    vectors = candidate.vectors([Labelled(text, ("any",)) for text in texts])
    assert vectors.shape[0] == len(texts)
    alone = candidate.vectors([Labelled(texts[0], ("any",))])
    assert abs(vectors[0] - alone[0]).max() < 0.05


def test_the_best_of_all_candidates_wins_on_the_texts_held_out(intents: Path, tmp_path: Path) -> None:
    names = ["minilm", *(str(make(tmp_path / kind)) for kind, make in MADE.items())]
    figures = compare(intents, "intents", names, seed=1)
    rows = [json.loads(line) for line in intents.read_text().splitlines()]
    assert figures["n"] == sum(held_out(row["text"], 0.25) for row in rows)
    assert list(figures["encoders"]) and set(figures["encoders"]) == set(names)
    scores = [one["macro_f1"] for one in figures["encoders"].values()]
    assert scores == sorted(scores, reverse=True) and scores[0] > 0.9
    assert figures["winner"] == next(iter(figures["encoders"]))
    assert all(one["texts_per_second"] > 0 for one in figures["encoders"].values())
    low, high = figures["lead_interval"]
    assert low <= figures["lead"] <= high and figures["clear"] == (low > 0)


def test_the_same_seed_gives_the_same_figures(intents: Path, tmp_path: Path) -> None:
    folder = str(bert_folder(tmp_path / "bert"))
    one, other = (compare(intents, "intents", [folder], seed=2)["encoders"][folder] for _ in range(2))
    assert {**one, "texts_per_second": 0} == {**other, "texts_per_second": 0}


def test_a_bad_candidate_is_refused_before_anything_is_measured(intents: Path, tmp_path: Path) -> None:
    seen: list[str] = []
    pickled = bert_folder(tmp_path / "pickled")
    (pickled / "model.safetensors").rename(pickled / "pytorch_model.bin")
    with pytest.raises(ModelError, match="pickled weights"):
        compare(
            intents, "intents", ["minilm", str(pickled)], seed=1, progress=lambda *done: seen.append(done[0])
        )
    assert not seen
    damaged = bert_folder(tmp_path / "damaged")
    (damaged / "tokenizer.json").write_text("{")
    with pytest.raises(ModelError, match="can't be read as an encoder"):
        load_candidate(str(damaged))


def test_a_file_with_one_label_is_too_little(tmp_path: Path) -> None:
    path = tmp_path / "moods.jsonl"
    path.write_text('{"text": "fine", "label": "positive"}\n')
    with pytest.raises(BadFile, match="too few to compare"):
        compare(path, "sentiment", ["minilm"], seed=1)


@pytest.fixture
def environ(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(logs, "configure", lambda level: None)
    return {"DESKHAND_DATA_DIR": str(tmp_path / "data")}


def test_the_command_names_the_winner(
    intents: Path, tmp_path: Path, environ: dict[str, str], capsys: Any
) -> None:
    bert, chinese = bert_folder(tmp_path / "bert"), chinese_gpt2_folder(tmp_path / "chinese")
    argv = ["encoders", str(intents), "--task", "intents", "--try", str(bert), "--try", str(chinese)]
    assert cli.main([*argv, "--json"], environ) == 0
    out = json.loads(capsys.readouterr().out)
    assert out["task"] == "intents" and out["winner"] in (str(bert), str(chinese))
    assert cli.main(argv, environ) == 0
    text = capsys.readouterr().out
    assert text.count("macro F1") == 2 and "ahead" in text.splitlines()[-1]


def test_the_command_fails_with_one_line_for_a_bad_candidate(
    intents: Path, tmp_path: Path, environ: dict[str, str], capsys: Any
) -> None:
    (tmp_path / "empty").mkdir()
    argv = ["encoders", str(intents), "--task", "intents", "--try", str(tmp_path / "empty")]
    assert cli.main(argv, environ) == 1
    assert "no config.json" in capsys.readouterr().err.strip().splitlines()[-1]
