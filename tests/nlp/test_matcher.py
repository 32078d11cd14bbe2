"""The matcher: a reply is near the conversation it answers, and what is remembered is not read again."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from nlp.errors import ModelError
from nlp.matcher import CACHE_FILE, CONTEXT_TOKENS, FILE, Answers, Matcher
from nlp.registry import STARTER_FOLDER
from nlp.slots import token
from nlp.types import Role

REPLY = STARTER_FOLDER / "reply"
Turns = tuple[tuple[Role, str], ...]
LATE: Turns = (("customer", f"My order {token('order_id')} was due on Monday and still isn't here"),)
HELLO: Turns = (("customer", "hello there"),)
TRACE = f"I'm sorry it is late. I'm asking the courier where {token('order_id')} is and will write here."
GREETING = "Hello, and welcome. What can I do for you today?"


@pytest.fixture(scope="module")
def matcher() -> Matcher:
    return Matcher.load(REPLY)


def test_what_answers_is_nearer_than_what_does_not(matcher: Matcher) -> None:
    late, hello = matcher.conversations([LATE, HELLO])
    trace, greeting = matcher.replies([TRACE, GREETING])
    assert late @ trace > late @ greeting
    assert hello @ greeting > hello @ trace


def test_vectors_have_unit_length_and_do_not_depend_on_the_company(matcher: Matcher) -> None:
    (alone,) = matcher.replies([TRACE])
    together = matcher.replies([GREETING] * 40 + [TRACE, "word " * 500])
    assert np.linalg.norm(together, axis=1) == pytest.approx(np.ones(42), abs=1e-5)
    # bf16 rounds differently in batches of another shape.
    assert together[40] @ alone == pytest.approx(1.0, abs=2e-3)


def test_nothing_in_is_nothing_out(matcher: Matcher) -> None:
    assert matcher.conversations([]).shape == (0, 384)
    assert matcher.replies([]).shape == matcher.remembered([]).shape == (0, 384)


def test_long_conversations_are_cut_to_the_newest(matcher: Matcher) -> None:
    long: Turns = (*[("customer", "boots and " * 100), ("agent", "socks and " * 100)] * 3, *LATE)
    ids = matcher._codec.conversation(long)
    assert len(ids) <= CONTEXT_TOKENS + 2
    assert matcher._codec.conversation(LATE)[1:] == ids[-len(matcher._codec.conversation(LATE)) + 1 :]


def test_remembered_replies_are_not_read_again(
    matcher: Matcher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = matcher.remembered([TRACE, GREETING, TRACE], tmp_path)
    read: list[str] = []
    plain = matcher.replies

    def counted(texts: list[str]) -> np.ndarray:
        read.extend(texts)
        return plain(texts)

    monkeypatch.setattr(matcher, "replies", counted)
    again = matcher.remembered([GREETING, "something new"], tmp_path)
    assert read == ["something new"]
    assert np.array_equal(again[0], first[1])
    assert np.array_equal(first[0], first[2])


@pytest.mark.parametrize("content", [b"", b"not a tensor file"])
def test_a_broken_cache_is_an_empty_one(matcher: Matcher, tmp_path: Path, content: bytes) -> None:
    (tmp_path / CACHE_FILE).write_bytes(content)
    assert matcher.remembered([TRACE], tmp_path).shape == (1, 384)


def test_another_matchers_vectors_are_never_used(matcher: Matcher, tmp_path: Path) -> None:
    matcher.remembered([TRACE], tmp_path)
    other = Matcher(matcher._model, matcher._codec, "another")
    with pytest.raises(KeyError):
        Answers(other, tmp_path).vectors([TRACE])
    assert np.array_equal(Answers(matcher, tmp_path).vectors([TRACE]), matcher.replies([TRACE]))


def test_a_damaged_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=FILE):
        Matcher.load(tmp_path)
    shutil.copy(REPLY / "model.safetensors", tmp_path / FILE)
    with pytest.raises(ModelError, match=FILE):
        Matcher.load(tmp_path)
