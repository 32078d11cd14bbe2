"""Customers' turns change, agents' turns and slots do not, and a seed says how."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import pytest

from nlp.errors import ModelError
from nlp.slots import slots_in, token
from tests.small_models import marian_folder
from training.augmentation import SYNONYMS, Edits, Marian, augmented, back_translated, edited
from training.corpus import Dialogue

ORDER = token("order_id")
ASKED = f"Where is my order {ORDER}, please? The parcel is late and I need it today."
TALK = Dialogue(
    "a", "a", (("customer", ASKED), ("agent", f"Order {ORDER} is late, sorry."), ("customer", "ok"))
)


@pytest.mark.parametrize(
    ("edits", "same_words"), [(Edits(0.2, 0, 0), False), (Edits(0, 0.2, 0), True), (Edits(0, 0, 0.2), False)]
)
def test_each_edit_changes_words_and_no_slot(edits: Edits, same_words: bool) -> None:
    changed = {edited(ASKED, random.Random(seed), edits) for seed in range(20)} - {ASKED}
    assert changed and all(slots_in(text) == ("order_id",) for text in changed)
    slot = ASKED.split().index(f"{ORDER},")
    if edits.deleted == 0:
        assert all(text.split()[slot] == f"{ORDER}," for text in changed)
    assert all((sorted(text.split()) == sorted(ASKED.split())) is same_words for text in changed)


def test_a_synonym_keeps_the_capital_and_the_point() -> None:
    found = {edited("Parcel lost? Where is it.", random.Random(seed), Edits(1, 0, 0)) for seed in range(30)}
    assert "Package lost? Where is it." in found


def test_two_words_stay_and_no_word_stands_for_itself() -> None:
    assert edited("thanks bye", random.Random(1)) == "thanks bye"
    assert all(word not in others for word, others in SYNONYMS.items())


def test_variants_are_of_customers_turns_only_and_the_seed_repeats_them() -> None:
    found = augmented([TALK], 5, seed=3)
    assert len(found) >= 3 and found == augmented([TALK], 5, seed=3) != augmented([TALK], 5, seed=4)
    for one in found:
        assert one.origin == "a" and one.id != "a"
        assert one.turns[1:] == TALK.turns[1:] and one.turns[0][1] != ASKED
    assert (
        augmented([Dialogue("b", "b", (("customer", "ok"), ("agent", "Bye now, see you.")))], 3, seed=3) == []
    )


class Backwards:
    """A translator into a language that is written backwards."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def translate(self, texts: Sequence[str]) -> list[str]:
        self.seen += texts
        return [" ".join(reversed(text.split())) for text in texts]


class Shouting:
    """A translator that comes back louder."""

    def translate(self, texts: Sequence[str]) -> list[str]:
        return [" ".join(reversed(text.upper().split())) for text in texts]


def test_there_and_back_keeps_slots_in_place() -> None:
    there = Backwards()
    (found,) = back_translated([TALK], there, Shouting())
    assert found.turns == (
        ("customer", ASKED.replace(ORDER, "\0").upper().replace("\0", ORDER)),
        TALK.turns[1],
        ("customer", "OK"),
    )
    assert not any("<|" in text for text in there.seen)


def test_a_marian_model_in_a_folder_translates(tmp_path: Path) -> None:
    translator = Marian(marian_folder(tmp_path / "en-xx"), batch=2, most_tokens=12)
    texts = ["where is my order", "the refund", "late money back please"]
    assert len(translator.translate(texts)) == 3
    assert translator.translate(texts) == translator.translate(texts)
    assert back_translated([TALK], translator, translator)[0].turns[1] == TALK.turns[1]


def test_a_folder_that_is_no_translator_is_told(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="can't be read as a Marian model"):
        Marian(tmp_path)
