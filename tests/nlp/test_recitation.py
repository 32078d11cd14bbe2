"""What one conversation alone holds is known by digests, and may be said where it was shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from nlp.errors import ModelError
from nlp.recitation import FILE, Owned, owners

SECRET = "my grandmother keeps the spare key under the blue pot"
COMMON = "is there anything else that i can help you with today"


@pytest.fixture
def owned() -> Owned:
    return Owned.of(owners([("a", SECRET), ("a", COMMON), ("b", COMMON)]))


def test_spans_of_one_conversation_are_held_back_whatever_their_case(owned: Owned) -> None:
    assert len(owned) == 3
    assert len(owned.recited(f"Well, {SECRET.upper()}!", ())) == 3
    assert owned.recited(COMMON, ()) == set()
    assert owned.recited("the spare key under the blue pot", ()) == set()


def test_what_was_shown_may_be_said_and_only_that(owned: Owned) -> None:
    assert owned.recited(SECRET, [f"Earlier: {SECRET}"]) == set()
    assert owned.recited(SECRET, ["my grandmother keeps the spare key under the"]) == {
        "grandmother keeps the spare key under the blue",
        "keeps the spare key under the blue pot",
    }


def test_it_is_kept_beside_the_weights_without_a_word(owned: Owned, tmp_path: Path) -> None:
    owned.save(tmp_path)
    assert b"grandmother" not in (tmp_path / FILE).read_bytes()
    assert len(Owned.load(tmp_path).recited(SECRET, ())) == 3


def test_a_version_without_any_says_all_and_a_broken_file_is_refused(tmp_path: Path) -> None:
    assert Owned.load(tmp_path).recited(SECRET, ()) == set()
    (tmp_path / FILE).write_bytes(b"broken")
    with pytest.raises(ModelError, match="publish the version again"):
        Owned.load(tmp_path)
