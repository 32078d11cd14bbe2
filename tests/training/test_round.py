"""A round on a small shop's conversations, with the real models: trained, fitted, published, asked."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from transformers import GPT2LMHeadModel

from nlp.errors import RegistryError
from nlp.registry import STARTER, Registry, Version
from training.evaluate_replies import replies
from training.files import BadFile, sha256
from training.plan import fitting, planned, spent, timed_in
from training.round import REPORTS, Order, run

SUBJECTS = (
    "lamp",
    "chair",
    "table",
    "shelf",
    "mirror",
    "rug",
    "clock",
    "vase",
    "basket",
    "frame",
    "stool",
    "tray",
    "desk",
    "bench",
    "sofa",
    "kettle",
    "pan",
    "plate",
    "bowl",
    "mug",
    "towel",
    "blanket",
    "curtain",
    "candle",
)


def conversation(number: int) -> dict[str, Any]:
    thing = SUBJECTS[number % len(SUBJECTS)]
    said = [
        ("customer", f"Hi, my {thing} number {number} has not arrived."),
        ("agent", f"I'm sorry to hear that. Could you send me the order number of the {thing}?"),
        ("customer", f"It is TT-10{number:04d}"),
        ("agent", f"Thank you. The {thing} is with the courier and comes tomorrow."),
    ]
    return {"conversation_id": str(number), "turns": [{"role": r, "text": t} for r, t in said]}


def write(path: Path, numbers: range) -> Path:
    path.write_text("".join(json.dumps(conversation(n)) + "\n" for n in numbers))
    return path


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Version, dict[str, Any], Path]:
    folder = tmp_path_factory.mktemp("round")
    said: list[str] = []
    data = write(folder / "chats.jsonl", range(24))
    rows = [json.loads(line) for line in data.read_text().splitlines()]
    for row in rows:
        row["turns"][1]["drafts"] = [{"text": "Please wait.", "outcome": "rejected"}]
        row["turns"][3]["drafts"] = [{"text": row["turns"][3]["text"], "outcome": "accepted"}]
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    order = Order((data,), minutes=0.01)
    version, facts = run(
        order, Registry(folder / "models"), folder / "work", lambda what, done, total: said.append(what)
    )
    assert "teaching which reply answers what" in said and "tuning the reply model" in said
    assert not (folder / "work" / order.name).exists(), "what was half done is gone"
    return version, facts, folder


@pytest.mark.slow
def test_a_round_publishes_a_version_that_anybody_can_load(
    trained: tuple[Version, dict[str, Any], Path],
) -> None:
    version, facts, folder = trained
    assert Registry(folder / "models").names() == [STARTER, version.name]
    GPT2LMHeadModel.from_pretrained(version.reply)
    assert (facts["conversations"], facts["seed"], facts["base"]["name"]) == (24, 17, STARTER)
    assert facts["lessons"] + facts["replies"]["n"] == 48
    card = (version.reply / "README.md").read_text()
    assert "chats.jsonl" in card and "similarity_at_3" in card and "Against starter" in card
    assert facts["preference"] == {"pairs": 21, "needed": 1000, "kept": False, "why": "21 of 1,000 pairs"}
    assert facts["acceptance"]["why"] == "6 of 100 moments set aside at which drafts were judged"
    assert "21 of 1,000 pairs" in card and "learned nothing from what agents did with drafts" in card
    page = (folder / "work" / REPORTS / version.name / "index.html").read_text()
    assert "21 of 1,000 pairs" in page
    assert "TT-10" not in (version.memory / "index.safetensors").read_bytes().decode("latin-1")


@pytest.mark.slow
def test_one_that_too_few_questions_judged_is_refused_kept_and_not_promoted(
    trained: tuple[Version, dict[str, Any], Path],
) -> None:
    version, facts, folder = trained
    assert not facts["gate"]["passed"]
    assert facts["gate"]["reasons"][0].startswith("6 questions to judge by; 50")
    assert {"recitation", "memory", "secrets", "exposure", "control"} <= {
        one["name"] for one in facts["gate"]["checks"]
    }
    passed = {check["name"]: check["passed"] for check in facts["gate"]["checks"]}
    assert passed["secrets"] and passed["control"], "what was redacted is not known; what was not, is"
    with pytest.raises(RegistryError, match="was refused and can't be promoted: 6 questions"):
        Registry(folder / "models").promote(version.name)
    page = (folder / "work" / REPORTS / version.name / "index.html").read_text()
    assert "It was refused." in page and "loss.svg" in page


@pytest.mark.slow
def test_it_leans_on_what_it_was_trained_on_and_is_asked_about_the_rest(
    trained: tuple[Version, dict[str, Any], Path], tmp_path: Path
) -> None:
    version, _, _ = trained
    asked = write(tmp_path / "all.jsonl", range(26))
    found = replies(asked, version, memory=(), limit=None, seed=1, device="cpu", progress=lambda *_: None)
    assert (found["n"], found["conversations"], found["remembered"]) == (4, 2, 24)
    assert found["suggestions"]["similarity_at_3"] > 0.7
    with pytest.raises(BadFile, match="trained on all of it"):
        replies(
            write(tmp_path / "known.jsonl", range(5)),
            version, memory=(), limit=None, seed=1, device="cpu", progress=lambda *_: None,
        )  # fmt: skip


@pytest.mark.slow
def test_killed_twice_the_same_command_goes_on_to_the_same_weights(
    trained: tuple[Version, dict[str, Any], Path], tmp_path: Path
) -> None:
    """The command is killed outright while it teaches and while it tunes; the third time it ends."""
    version, _, folder = trained
    command = [sys.executable, "-m", "bot.cli", "train", "--data", str(folder / "chats.jsonl")]
    command += ["--minutes", "0.01", "--json", "--data-dir", str(tmp_path)]
    for part in ("teaching which reply answers what", "tuning the reply model"):
        with subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        ) as process:
            assert process.stderr is not None
            assert any(line.startswith(part) for line in process.stderr), f"it never came to {part}"
            process.kill()
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr[-2000:]
    told = json.loads(ended.stdout)
    assert not told["gate"]["passed"] and told["gate"]["reasons"]
    again = Registry(tmp_path / "models").get(told["version"])
    for name in ("model.safetensors", "matcher.safetensors", "ranker.safetensors"):
        assert sha256(again.reply / name) == sha256(version.reply / name), name


def test_too_little_to_learn_from_is_told(tmp_path: Path) -> None:
    order = Order((write(tmp_path / "few.jsonl", range(3)),))
    with pytest.raises(BadFile, match=r"few.jsonl: 3 conversations .* 20 at least"):
        run(order, Registry(tmp_path / "models"), tmp_path / "work", lambda *_: None)


def test_the_same_order_has_the_same_name_and_another_file_another(tmp_path: Path) -> None:
    one, other = write(tmp_path / "a.jsonl", range(3)), write(tmp_path / "b.jsonl", range(4))
    assert Order((one,)).name == Order((one,)).name != Order((other,)).name
    assert Order((one,)).name != Order((one,), seed=18).name


def test_steps_fill_the_time_but_teach_nothing_too_often() -> None:
    assert fitting(600, 2.0, 1000) == 300
    assert fitting(600, 2.0, 10) == 60
    assert fitting(1, 2.0, 1000) == 8


def test_a_plan_is_made_once(tmp_path: Path) -> None:
    note = tmp_path / "work" / "plan.json"
    assert [planned(note, "a_steps", lambda: 5), planned(note, "b_steps", lambda: 7)] == [5, 7]
    assert planned(note, "a_steps", lambda: 99) == 5


def test_the_time_of_every_try_counts(tmp_path: Path) -> None:
    note = tmp_path / "work" / "spent.json"
    with pytest.raises(KeyboardInterrupt), timed_in(note):
        raise KeyboardInterrupt
    first = spent(note)
    with timed_in(note):
        pass
    assert spent(note) > first > 0.0
