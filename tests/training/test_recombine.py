"""Recombined conversations stay sensible, and held-out ones stay out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from nlp.slots import token
from training.corpus import Dialogue, read_shop
from training.recombine import recombine, sensible

SHOP = Path(__file__).resolve().parents[2] / "bot" / "demo"


def embed(texts: Sequence[str]) -> np.ndarray:
    """Bags of words: near enough for a test of what is combined."""
    out = np.zeros((len(texts), 64), dtype=np.float32)
    for row, text in enumerate(texts):
        for word in text.lower().split():
            out[row, sum(map(ord, word)) % 64] += 1
    return out / np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-9)


@pytest.fixture(scope="module")
def made() -> list[Dialogue]:
    return recombine(read_shop(SHOP), embed, seed=5, per_dialogue=18)


def test_the_written_corpus_is_as_large_as_promised() -> None:
    files = read_shop(SHOP)
    assert len(files) >= 40
    assert sum(len(f.dialogues) for f in files) >= 400
    assert all(len(f.phrasings) >= 20 and len(f.replies) >= 8 for f in files)
    assert len(list((SHOP / "articles").glob("*.md"))) >= 55


def test_ten_thousand_conversations_come_out_all_different(made: list[Dialogue]) -> None:
    assert len(made) >= 10_000
    assert len({d.id for d in made}) == len(made)


def test_no_agent_uses_or_asks_for_what_it_should_not(made: list[Dialogue]) -> None:
    written = {d.id: d for f in read_shop(SHOP) for d in f.dialogues}
    strict = [d for d in made if d.origin not in written or sensible(written[d.origin].turns)]
    assert all(sensible(d.turns) for d in strict if d.id not in written)


def test_no_written_conversation_stands_alone(made: list[Dialogue]) -> None:
    per_origin = Counter(d.origin for d in made)
    assert min(per_origin.values()) > 1


def test_nothing_that_is_held_out_is_trained_on(made: list[Dialogue]) -> None:
    held = {
        text
        for f in read_shop(SHOP)
        for d in f.dialogues
        if d.held_out
        for role, text in d.turns
        if role == "agent"
    }
    shown = {text for f in read_shop(SHOP) for d in f.dialogues if not d.held_out for _, text in d.turns}
    trained = {text for d in made for _, text in d.turns}
    assert not (held - shown) & trained


def test_the_same_seed_gives_the_same_conversations() -> None:
    files = read_shop(SHOP)[:4]
    assert recombine(files, embed, seed=1) == recombine(files, embed, seed=1)


def test_sensible_knows_a_bad_answer() -> None:
    gave = ("customer", f"it is {token('order_id')}")
    assert sensible([gave, ("agent", f"Thanks, {token('order_id')} is in good hands.")])
    assert not sensible([gave, ("agent", "Could you send me your order number?")])
    assert not sensible([("customer", "hello"), ("agent", f"Your order {token('order_id')} is late.")])


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "intents").mkdir()
    (tmp_path / "intents" / "late.json").write_text('{"intent": "late"}')
    with pytest.raises(ValueError, match=r"late\.json"):
        read_shop(tmp_path)
