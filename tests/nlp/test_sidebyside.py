"""Two versions side by side: the true reply never leaks into what they lean on; caches stay."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from nlp.memory import Knowledge, build_index, load_without
from nlp.reading import Reader
from nlp.registry import STARTER_FOLDER
from nlp.sidebyside import compared
from nlp.types import KnowledgeItem, Turn

ASKED = "Do you engrave the brass lamp with a name?"
TRUTH = "We do engrave brass lamps, up to twelve letters, and it takes three working days more."
PAST = [
    ("c1-a", ASKED, TRUTH),
    ("c2-a", "Where is my parcel?", "I have asked the courier where your parcel is."),
    (
        "c3-a",
        "Can I send the lamp back?",
        "You can send it back within thirty days, the label is on its way.",
    ),
    ("c4-a", "Is the rug in stock?", "The rug is in stock again next week."),
]


def item(name: str, asked: str, answer: str) -> KnowledgeItem:
    return KnowledgeItem("reply", name, "", answer, (Turn("customer", asked),))


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The index of a small shop, in which one conversation was imported twice."""
    folder = tmp_path_factory.mktemp("index")
    items = [item(*one) for one in PAST] + [item("c9-a", ASKED, TRUTH)]
    # The same words to another question are no copy.
    items.append(item("c5-a", "The engraving on my lamp is wrong, what do you offer?", TRUTH))
    build_index(Knowledge({}, (), items), Reader.load(STARTER_FOLDER / "heads"), cache=folder)
    return folder


def orders(cache: Path, without: list[str], names: tuple[str, ...] = ("left", "right")) -> dict[str, Any]:
    return {
        "versions": [{"name": one, "folder": str(STARTER_FOLDER), "shop": None} for one in names],
        "moments": [{"turns": [["customer", ASKED]], "reply": TRUTH, "values": {}}],
        "facts": {},
        "products": [],
        "index": str(cache),
        "without": without,
        "device": "cpu",
        "manner": {"length": "usual", "tone": "usual", "apologise": True},
    }


def test_a_conversation_and_its_copies_are_left_out(cache: Path) -> None:
    assert load_without(cache, set()).replies.count(TRUTH) == 3
    left = load_without(cache, {"c1-a"})
    assert left.replies.count(TRUTH) == 1, "the same words to another question stay"
    assert len(left) == len(PAST)
    assert len(load_without(cache / "nowhere", {"c1-a"})) == 0


def test_what_was_answered_is_no_draft_unless_others_answered_so(cache: Path) -> None:
    """Without the own reply the truth can't be found; with it, it would be."""
    kept = {path.name: path.read_bytes() for path in cache.iterdir()}
    leaking = [line for line in compared(orders(cache, [], ("left",))) if "drafts" in line]
    assert leaking[0]["drafts"][0]["similarity"] > 0.99
    lines = list(compared(orders(cache, ["c1-a", "c5-a"])))
    assert [line["loading"] for line in lines if "loading" in line] == [0, 1]
    first, second = [line["drafts"] for line in lines if "drafts" in line]
    assert first == second, "one version under two names drafts alike"
    assert first and all(one["text"] != TRUTH and one["similarity"] < 0.99 for one in first)
    assert {path.name: path.read_bytes() for path in cache.iterdir()} == kept, "the cache is another's"


@pytest.mark.slow
def test_it_runs_as_a_process_and_says_why_it_can_not(cache: Path, tmp_path: Path) -> None:
    broken = orders(cache, ["c1-a"])
    broken["versions"][1]["folder"] = str(tmp_path)
    done = subprocess.run(
        [sys.executable, "-m", "nlp.sidebyside"], input=json.dumps(broken), capture_output=True, text=True
    )
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 1 and "failed" in lines[-1]
    assert [line["version"] for line in lines if "version" in line] == [0]


def test_nothing_is_remembered_yet(tmp_path: Path) -> None:
    lines = list(compared(orders(tmp_path, [], ("left",))))
    assert lines[-1]["version"] == 0
